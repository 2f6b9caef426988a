select
    i.id, i.target, i.target_service_ty, i.scope, i.limit_key, i.status, i.completion_result, i.completion_failure,
    i.idempotency_key, i.invoked_by, i.invoked_by_id, i.invoked_by_target, i.restarted_from, i.pinned_deployment_id,
    i.waits_for_deployment, i.trace_id,
    i.pinned_deployment_id not in (select d.id from pgdurable.sys_deployment d) as deployment_removed,
    i.created_at, i.modified_at, i.inboxed_at, i.scheduled_start_at, i.running_at, i.completed_at,
    i.completion_retention, i.journal_retention, i.retry_count, i.last_start_at, i.next_retry_at, i.last_failure,
    i.last_failure_related_command_index, i.last_failure_related_command_name, i.last_failure_related_command_type,
    k.invocation_id as key_holder_id,
    case when i.status = 'pending' then (
        select count(*)
        from pgdurable.sys_inbox mine
        join pgdurable.sys_inbox b on b.service_name = mine.service_name and b.service_key = mine.service_key
            and b.scope is not distinct from mine.scope and b.sequence_number < mine.sequence_number
        where mine.service_name = i.target_service_name and mine.service_key = i.target_service_key
            and mine.uuid = i.uuid
    ) end as waits_behind
from pgdurable.sys_invocation i
left join pgdurable.sys_keyed_service_status k
    on i.status = 'pending' and k.service_name = i.target_service_name and k.service_key = i.target_service_key
        and k.scope is not distinct from i.scope
where i.uuid = pgdurable.invocation_uuid($1)
