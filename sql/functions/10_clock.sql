-- The one clock of the engine: deadlines and leases are compared on the database's time only.
-- Tests freeze it with `set pgdurable.now = '2026-01-01 00:00:00+00'`; nothing else may set it.

create or replace function pgdurable_engine.clock() returns timestamptz
language sql volatile parallel safe
as $$
    select coalesce(nullif(current_setting('pgdurable.now', true), '')::timestamptz, clock_timestamp())
$$;
