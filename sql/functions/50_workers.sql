-- Processes: a random id for each incarnation, a heartbeat, and a lock that tells others early that it is gone.

-- Held by the process for the life of its listening connection (pg_advisory_lock_shared on this key).
create or replace function pgdurable_engine.presence_lock(p_worker uuid) returns bigint
language sql immutable parallel safe
as $$ select hashtextextended(p_worker::text, 9071) $$;

create or replace function pgdurable_engine.presence_free(p_worker uuid) returns boolean
language sql
as $$ select pg_try_advisory_xact_lock(pgdurable_engine.presence_lock(p_worker)) $$;

create or replace function pgdurable_engine.join_worker(
    p_id uuid, p_name text, p_deployment_id text, p_services text[], p_lease interval
) returns void
language sql
as $$
    insert into pgdurable_engine.worker (id, name, deployment_id, services, started_at, heartbeat_at, lease)
    values (p_id, p_name, p_deployment_id, p_services, pgdurable_engine.clock(), pgdurable_engine.clock(), p_lease)
$$;

-- False: declared dead meanwhile; what it ran is running elsewhere.
create or replace function pgdurable_engine.heartbeat(p_worker uuid) returns boolean
language sql
as $$
    with alive as (
        update pgdurable_engine.worker w
        set heartbeat_at = pgdurable_engine.clock(), suspected_at = null
        where w.id = p_worker
        returning w.id
    )
    select exists (select from alive)
$$;

-- Ends an incarnation and gives back what it ran. With p_heartbeat, only if it has not been heard since.
create or replace function pgdurable_engine.end_worker(p_worker uuid, p_heartbeat timestamptz default null)
returns pgdurable_engine.hint[]
language plpgsql
as $$
declare
    v_hints pgdurable_engine.hint[];
begin
    perform pgdurable_engine.fence_workers(array[p_worker]);
    delete from pgdurable_engine.worker w
    where w.id = p_worker and (p_heartbeat is null or w.heartbeat_at = p_heartbeat);
    if not found then
        return null;
    end if;
    with stopped as (
        delete from pgdurable_engine.running r where r.owner = p_worker returning r.id, r.started_at
    ), waiting as (
        insert into pgdurable_engine.ready (route, since, id)
        select i.service, s.started_at, i.id from stopped s join pgdurable_engine.invocation i on i.id = any (array[s.id])
        returning route
    )
    select array_agg(row('route', null, w.route, null)::pgdurable_engine.hint)
    into v_hints
    from (select distinct route from waiting) w;
    return v_hints;
end $$;
