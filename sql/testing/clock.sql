-- A clock that a test moves, in place of the one in functions/10_clock.sql. pgdurable.testing installs it in a test's
-- database, and nothing else does: elsewhere the clock stays one expression.

create schema if not exists pgdurable_testing;

-- Held still at `held_at`, else ahead of the machine's by so many seconds.
create table if not exists pgdurable_testing.clock (
    one     boolean primary key default true check (one),
    held_at timestamptz,
    ahead   double precision not null default 0
);
insert into pgdurable_testing.clock default values on conflict do nothing;

create or replace function pgdurable_engine.clock() returns timestamptz
language sql volatile parallel safe
as $$
    select coalesce(
        nullif(current_setting('pgdurable.now', true), '')::timestamptz,
        c.held_at,
        clock_timestamp() + make_interval(secs => c.ahead)
    )
    from pgdurable_testing.clock c
$$;

-- Workers live in real time: their heartbeats move along, or their leases would be over. The lock makes the next
-- heartbeat read the moved clock.
create or replace function pgdurable_testing.set_clock(p_held_at timestamptz, p_ahead double precision) returns void
language plpgsql
as $$
declare
    v_before timestamptz;
begin
    lock table pgdurable_engine.worker in share row exclusive mode;
    v_before := pgdurable_engine.clock();
    update pgdurable_testing.clock set held_at = p_held_at, ahead = p_ahead;
    update pgdurable_engine.worker
    set heartbeat_at = heartbeat_at + (pgdurable_engine.clock() - v_before), suspected_at = null;
end $$;
