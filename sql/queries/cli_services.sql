select
    s.name, s.ty as type, s.revision::int as revision, s.public, s.deployment_id,
    array(select h.name from pgdurable_engine.handler h where h.service = s.name order by h.name) as handlers,
    (
        select count(*) from pgdurable.sys_invocation_status i
        where i.target_service_name = s.name and i.status <> 'completed'
    ) as live,
    s.documentation, s.metadata, s.options
from pgdurable.sys_service s
order by s.name
