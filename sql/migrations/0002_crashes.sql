-- Who was running when a process died, so that an invocation that kills its process is found out and paused.
-- Locks: none that matter, it is new.

-- One row for an invocation that was running when its process died, until it has come further or outlived that. Small,
-- and written only when a process dies.
create table pgdurable_engine.crash (
    id     uuid not null primary key,
    times  int not null,                                 -- processes that died in a row while they ran it
    size   int not null,                                 -- journal entries and notifications then: more is progress
    lasted interval not null,                            -- of its attempt, until its process was last heard of
    at     timestamptz not null
);
