-- Whether a worker holds a presence lock: behind a pooler it has no session to hold one in, and its lease alone counts.
-- Locks `worker`, for a moment.
alter table pgdurable_engine.worker add column present boolean not null default true;
