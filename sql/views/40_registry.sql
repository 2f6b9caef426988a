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
        select s.name from pgdurable_engine.service s where s.deployment_id = d.id order by s.name
    ) as services
from pgdurable_engine.deployment d;

comment on view pgdurable.sys_deployment is 'Deployments, each with the services of which it is the latest';
