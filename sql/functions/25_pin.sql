-- Which code an invocation goes on with. One that has begun is pinned to the deployment that began it, so its journal
-- is only replayed by the code that wrote it; what has not begun goes to the latest deployment of its service.

-- Where it is claimed from: by the workers of its deployment when it is pinned, else by those of its service's latest.
create or replace function pgdurable_engine.route(p_service text, p_deployment_id text) returns text
language sql immutable parallel safe
as $$ select case when p_deployment_id is null then p_service else p_service || '@' || p_deployment_id end $$;

-- Pins those that run, have journaled something and are about to be taken away from their workers. Endings that come
-- from the workers themselves need no statement for that: set_aside and finish pin in passing.
create or replace function pgdurable_engine.pin_running(p_ids uuid[]) returns void
language plpgsql
as $$
begin
    update pgdurable_engine.invocation i set deployment_id = b.deployment_id
    from (
        select ids.id, w.deployment_id
        from (select distinct u as id from unnest(p_ids) u order by u) ids
        cross join lateral (
            select r.owner from pgdurable_engine.running r where r.id = ids.id offset 0
        ) r
        join pgdurable_engine.worker w on w.id = any (array[r.owner]) and w.versioned
        where (select true from pgdurable_engine.journal j where j.id = ids.id and j.index = 1)
    ) b
    where i.id = any (array[b.id]) and i.deployment_id is null and i.status = 'invoked';
end $$;

-- The deployment whose workers could run what is ready, when none of them lives. Null when one does.
create or replace function pgdurable_engine.unserved(p_service text, p_deployment_id text) returns text
language sql stable
as $$
    select coalesce(p_deployment_id, s.deployment_id)
    from (values (pgdurable_engine.route(p_service, p_deployment_id))) r (route)
    left join pgdurable_engine.service s on s.name = p_service
    where not exists (select from pgdurable_engine.worker w where r.route = any (w.routes))
$$;
