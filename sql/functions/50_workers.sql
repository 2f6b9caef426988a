-- Processes: a random id for each incarnation, a heartbeat, and a lock that tells others early that it is gone.

-- Held by the process for the life of its listening connection (pg_advisory_lock_shared on this key).
create or replace function pgdurable_engine.presence_lock(p_worker uuid) returns bigint
language sql immutable parallel safe
as $$ select hashtextextended(p_worker::text, 9071) $$;

create or replace function pgdurable_engine.presence_free(p_worker uuid) returns boolean
language sql
as $$ select pg_try_advisory_xact_lock(pgdurable_engine.presence_lock(p_worker)) $$;

-- What a worker may claim: what is pinned to its deployment, and what is not pinned of the services of which that is the
-- latest; without a deployment, all that is not pinned. SQL says so and not the worker: so no invocation begins on old
-- code once newer code is registered.
create or replace function pgdurable_engine.routes_of(p_services text[], p_deployment_id text, p_versioned boolean)
returns text[]
language sql stable
as $$
    select array(
        select u from unnest(p_services) u
        where not exists (
            select from pgdurable_engine.service s where s.name = u and s.deployment_id <> p_deployment_id
        )
        union all
        select pgdurable_engine.route(u, p_deployment_id) from unnest(p_services) u where p_versioned
    )
$$;

create or replace function pgdurable_engine.join_worker(
    p_id uuid, p_name text, p_deployment_id text, p_versioned boolean, p_services text[], p_lease interval,
    p_present boolean default true
) returns void
language plpgsql
as $$
begin
    perform pg_advisory_xact_lock_shared(9070, 2);  -- a registration either sees this worker or is seen here
    insert into pgdurable_engine.worker (
        id, name, deployment_id, versioned, services, routes, started_at, heartbeat_at, lease, present
    ) values (
        p_id, p_name, p_deployment_id, p_versioned, p_services,
        pgdurable_engine.routes_of(p_services, p_deployment_id, p_versioned),
        pgdurable_engine.clock(), pgdurable_engine.clock(), p_lease, p_present
    );
end $$;

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

-- Ends incarnations and gives back what they ran. With p_heard, only those not heard since: they have died, and so often
-- may what they ran have been there when a process did (27_crashes.sql).
create or replace function pgdurable_engine.end_workers(
    p_workers uuid[], p_heard timestamptz[], p_crashes int default null,
    out ended uuid[], out hints pgdurable_engine.hint[]
)
language plpgsql
as $$
declare
    v_stopped uuid[];
    v_held    uuid[] := '{}';
begin
    perform pgdurable_engine.fence_workers(p_workers);
    ended := array(
        select w.id
        from pgdurable_engine.worker w
        where w.id = any (p_workers)
            and (p_heard is null or w.heartbeat_at = p_heard[array_position(p_workers, w.id)])
        order by w.id
        for update
    );
    v_stopped := array(select r.id from pgdurable_engine.running r where r.owner = any (ended));
    perform pgdurable_engine.lock_invocations(v_stopped);
    perform pgdurable_engine.pin_running(v_stopped);
    if p_crashes is not null then
        v_held := pgdurable_engine.count_crashes(v_stopped, p_crashes, pgdurable_engine.clock());
    end if;

    delete from pgdurable_engine.worker w where w.id = any (ended);
    with stopped as (
        delete from pgdurable_engine.running r where r.id = any (v_stopped) returning r.id, r.started_at
    ), waiting as (
        insert into pgdurable_engine.ready (route, since, id)
        select pgdurable_engine.route(i.service, i.deployment_id), s.started_at, i.id
        from stopped s join pgdurable_engine.invocation i on i.id = any (array[s.id])
        where s.id <> all (v_held)
        returning route
    )
    -- As old as they were: whoever looks only at what has just become ready would not see them.
    select array_agg(row('returned', null, w.route, null)::pgdurable_engine.hint)
    into hints
    from (select distinct route from waiting) w;
end $$;

create or replace function pgdurable_engine.end_worker(p_worker uuid) returns pgdurable_engine.hint[]
language sql
as $$ select e.hints from pgdurable_engine.end_workers(array[p_worker], null) e $$;
