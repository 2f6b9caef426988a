-- What is deployed. Restate's column names.

create or replace view pgdurable.sys_service as
select
    s.name, s.revision, s.public, s.type as ty, s.deployment_id,
    s.definition ->> 'documentation' as documentation,
    (s.definition -> 'options' -> 'metadata')::text as metadata,
    coalesce((s.definition -> 'options') - 'metadata', '{}')::text as options
from pgdurable_engine.service s;

comment on view pgdurable.sys_service is 'Services as their latest deployment registered them';
comment on column pgdurable.sys_service.documentation is 'The description that the service was declared with';
comment on column pgdurable.sys_service.metadata is 'JSON: texts by names, as the service was declared with';
comment on column pgdurable.sys_service.options is 'JSON: what the service says and its handlers may override, in seconds';

create or replace view pgdurable.sys_deployment as
select
    d.id,
    case when d.endpoint ~ '^https?://' then 'http' else 'worker' end as ty,
    d.endpoint,
    d.created_at,
    null::int as min_service_protocol_version,
    null::int as max_service_protocol_version,
    array(
        select r.service from pgdurable_engine.revision r where r.deployment_id = d.id order by r.service
    ) as services,
    case
        when exists (select from pgdurable_engine.service s where s.deployment_id = d.id) then 'active'
        when a.active > 0 then 'draining'
        else 'drained'
    end as status,
    array(
        select s.name from pgdurable_engine.service s where s.deployment_id = d.id order by s.name
    ) as latest_services,
    coalesce(a.active, 0) as active_invocations,
    coalesce(a.waiting, 0) as waiting_invocations,
    (select count(*) from pgdurable_engine.worker w where w.deployment_id = d.id) as workers,
    d.versioned,
    d.metadata
from pgdurable_engine.deployment d
left join (
    select x.deployment_id, sum(x.active)::bigint as active, sum(x.waiting)::bigint as waiting
    from (
        select i.deployment_id, 1 as active, 0 as waiting
        from pgdurable_engine.invocation i where i.deployment_id is not null and i.status <> 'completed'
        union all
        select w.deployment_id, 1, 0
        from pgdurable_engine.running r
        join pgdurable_engine.worker w on w.id = r.owner
        join pgdurable_engine.invocation i on i.id = r.id
        where i.deployment_id is null
        union all
        select pgdurable_engine.unserved(i.service, i.deployment_id), 0, 1
        from pgdurable_engine.ready q join pgdurable_engine.invocation i on i.id = q.id
    ) x
    group by x.deployment_id
) a on a.deployment_id = d.id;

comment on view pgdurable.sys_deployment is
    'Deployments. Active: the latest of a service. Draining: not that, but what began on it has not completed';
comment on column pgdurable.sys_deployment.latest_services is 'The services of which it is the latest';
comment on column pgdurable.sys_deployment.active_invocations is
    'Invocations that are pinned to it and not completed, or run on it now';
comment on column pgdurable.sys_deployment.waiting_invocations is
    'Invocations that could run if a worker of it lived';
comment on column pgdurable.sys_deployment.workers is 'How many workers of it live';
comment on column pgdurable.sys_deployment.versioned is
    'False: what it begins goes on with whichever deployment is the latest';
