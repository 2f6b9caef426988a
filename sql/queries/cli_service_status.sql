select i.target_handler_name as handler, i.status, count(*) as count, min(i.created_at) as oldest_at
from pgdurable.sys_invocation i
where i.target_service_name = $1
group by 1, 2
order by 1, 2
