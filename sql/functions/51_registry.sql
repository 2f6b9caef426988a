-- What is deployed: deployments, the services that each of them has, and which is the latest of a service. What begins
-- goes to the latest. Whoever changes any of this holds the lock (9070, 2), before all other locks.

-- p_services: [{"name", "type", "public", ..., "handlers": [{"name", "handler_type", "public", ...}]}]
-- A new deployment is the latest of all its services. One that is known keeps its place, so a worker of an older one
-- can be started again. Raises PD002 when a service would change its type.
create or replace function pgdurable_engine.register(
    p_deployment_id text, p_versioned boolean, p_endpoint text, p_metadata jsonb, p_services jsonb
) returns void
language plpgsql
as $$
declare
    v_now     timestamptz := pgdurable_engine.clock();
    v_changed text;
begin
    perform pg_advisory_xact_lock(9070, 2);
    select s.name into v_changed
    from pgdurable_engine.service s
    join jsonb_to_recordset(p_services) n (name text, type text) on n.name = s.name
    where n.type <> s.type
    limit 1;
    if v_changed is not null then
        raise exception 'service % is registered with another type', quote_literal(v_changed)
            using errcode = 'PD002', hint = 'a service keeps its type; give the new one another name';
    end if;

    insert into pgdurable_engine.deployment (id, rank, versioned, endpoint, metadata, created_at)
    values (p_deployment_id, pgdurable_engine.next_rank(), p_versioned, p_endpoint, p_metadata, v_now)
    on conflict (id) do update set
        versioned = excluded.versioned, endpoint = excluded.endpoint, metadata = excluded.metadata;

    insert into pgdurable_engine.revision as r (service, deployment_id, number, definition, updated_at)
    select
        n.value ->> 'name', p_deployment_id,
        coalesce((
            select max(x.number) from pgdurable_engine.revision x where x.service = n.value ->> 'name'
        ), 0) + 1,
        n.value, v_now
    from jsonb_array_elements(p_services) n
    on conflict (service, deployment_id) do update set
        number = excluded.number, definition = excluded.definition, updated_at = excluded.updated_at
    where r.definition <> excluded.definition;

    perform pgdurable_engine.elect(array(select n.value ->> 'name' from jsonb_array_elements(p_services) n));
end $$;

create or replace function pgdurable_engine.next_rank() returns bigint
language sql
as $$ select coalesce(max(d.rank), 0) + 1 from pgdurable_engine.deployment d $$;

-- The latest deployments of these services may be others now: they define the services, and their workers get what
-- begins.
create or replace function pgdurable_engine.elect(p_services text[]) returns void
language plpgsql
as $$
begin
    with latest as (
        select distinct on (r.service) r.*
        from pgdurable_engine.revision r join pgdurable_engine.deployment d on d.id = r.deployment_id
        where r.service = any (p_services)
        order by r.service, d.rank desc
    ), gone as (
        delete from pgdurable_engine.service s
        where s.name = any (p_services) and s.name not in (select l.service from latest l)
    )
    insert into pgdurable_engine.service (name, revision, type, public, deployment_id, definition, updated_at)
    select
        l.service, l.number, l.definition ->> 'type', (l.definition ->> 'public')::boolean, l.deployment_id,
        l.definition, l.updated_at
    from latest l
    on conflict (name) do update set
        revision = excluded.revision, public = excluded.public, deployment_id = excluded.deployment_id,
        definition = excluded.definition, updated_at = excluded.updated_at;

    delete from pgdurable_engine.handler h where h.service = any (p_services);
    insert into pgdurable_engine.handler (service, name, type, public, definition)
    select
        s.name, h.value ->> 'name', (h.value ->> 'handler_type')::pgdurable_engine.handler_type,
        (h.value ->> 'public')::boolean, h.value
    from pgdurable_engine.service s
    cross join jsonb_array_elements(s.definition -> 'handlers') h
    where s.name = any (p_services);

    perform from pgdurable_engine.worker w where w.services && p_services order by w.id for update;
    update pgdurable_engine.worker w
    set routes = pgdurable_engine.routes_of(w.services, w.deployment_id, w.versioned)
    where w.services && p_services;
end $$;
