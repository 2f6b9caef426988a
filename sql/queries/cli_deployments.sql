select
    d.id, d.ty as type, d.endpoint, d.created_at,
    array(select s.name from pgdurable.sys_service s where s.deployment_id = d.id order by s.name) as services,
    (
        select count(*) from pgdurable.sys_invocation_status i
        where i.pinned_deployment_id = d.id and i.status <> 'completed'
    ) as pinned
from pgdurable.sys_deployment d
order by d.created_at desc
