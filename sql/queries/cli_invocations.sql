select
    i.id, i.target, i.scope, i.status, i.created_at, i.retry_count, i.last_failure, i.next_retry_at, i.scheduled_start_at,
    i.completion_result, i.completion_failure, i.waits_for_deployment
from pgdurable.sys_invocation i
where ($1::text[] is null or i.target_service_name = any ($1))
    and ($2::text[] is null or i.target_handler_name = any ($2))
    and ($3::text[] is null or i.target_service_key = any ($3))
    and ($4::text[] is null or i.status = any ($4))
    and ($5::text[] is null or i.pinned_deployment_id = any ($5) or i.last_attempt_deployment_id = any ($5))
    and ($6::text is null or i.completion_result = $6)
    and (not $7::boolean or i.target_service_ty = 'virtual_object')
    and ($8::boolean or i.status <> 'completed')
    and (not $9::boolean or i.pinned_deployment_id not in (select d.id from pgdurable.sys_deployment d))
    and ($10::text[] is null or i.scope = any ($10))
order by i.created_at desc, i.uuid desc
limit $11
