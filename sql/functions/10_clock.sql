-- The one clock of the engine: deadlines and leases are compared on the database's time only.
-- Tests freeze it with `set pgdurable.now = '2026-01-01 00:00:00+00'`; nothing else may set it.

create or replace function pgdurable_engine.clock() returns timestamptz
language sql volatile parallel safe
as $$
    select coalesce(nullif(current_setting('pgdurable.now', true), '')::timestamptz, clock_timestamp())
$$;

-- A delay is so many seconds, whatever the session's time zone does with its clocks meanwhile: drivers send a day as
-- `1 day`, which PostgreSQL would take from the calendar.
create or replace function pgdurable_engine.later(p_now timestamptz, p_delay interval) returns timestamptz
language sql stable parallel safe
as $$
    select p_now + make_interval(secs => extract(epoch from p_delay)::float8)
$$;
