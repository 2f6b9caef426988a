-- What is deployed: services, their handlers and options, as the newest worker that serves them says.

-- p_services: [{"name", "type", "public", ..., "handlers": [{"name", "handler_type", "public", ...}]}]
-- Raises PD002 when a service would change its type.
create or replace function pgdurable_engine.register(
    p_deployment_id text, p_endpoint text, p_metadata jsonb, p_services jsonb
) returns void
language plpgsql
as $$
declare
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

    insert into pgdurable_engine.deployment (id, endpoint, metadata, created_at)
    values (p_deployment_id, p_endpoint, p_metadata, pgdurable_engine.clock())
    on conflict (id) do update set endpoint = excluded.endpoint, metadata = excluded.metadata;

    insert into pgdurable_engine.service as s (name, revision, type, public, deployment_id, definition, updated_at)
    select
        n.value ->> 'name', 1, n.value ->> 'type', (n.value ->> 'public')::boolean, p_deployment_id, n.value,
        pgdurable_engine.clock()
    from jsonb_array_elements(p_services) n
    on conflict (name) do update set
        revision = s.revision + case when s.definition = excluded.definition then 0 else 1 end,
        public = excluded.public, deployment_id = excluded.deployment_id, definition = excluded.definition,
        updated_at = excluded.updated_at;

    delete from pgdurable_engine.handler h
    where h.service in (select n.value ->> 'name' from jsonb_array_elements(p_services) n);
    insert into pgdurable_engine.handler (service, name, type, public, definition)
    select
        n.value ->> 'name', h.value ->> 'name', (h.value ->> 'handler_type')::pgdurable_engine.handler_type,
        (h.value ->> 'public')::boolean, h.value
    from jsonb_array_elements(p_services) n
    cross join jsonb_array_elements(n.value -> 'handlers') h;
end $$;
