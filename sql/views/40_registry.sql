-- What is deployed. Restate's column names.

create or replace view pgdurable.sys_service as
select s.name, s.revision, s.public, s.type as ty, s.deployment_id
from pgdurable_engine.service s;

comment on view pgdurable.sys_service is 'Services as their latest deployment registered them';

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
