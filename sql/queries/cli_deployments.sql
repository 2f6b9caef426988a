select
    d.id, d.status, d.versioned, d.endpoint, d.created_at, d.services, d.latest_services,
    d.active_invocations, d.waiting_invocations, d.workers
from pgdurable.sys_deployment d
where $1::text is null or d.id = $1
order by d.created_at desc
