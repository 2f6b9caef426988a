select i.target_service_name as service, i.target_handler_name as handler, i.status, count(*) as count
from pgdurable.sys_invocation i
where i.status <> 'completed' and (i.pinned_deployment_id = $1 or i.last_attempt_deployment_id = $1)
group by 1, 2, 3
order by 1, 2, 3
