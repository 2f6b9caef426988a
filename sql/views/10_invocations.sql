-- Invocations, with Restate's column names. `id` is text that costs 30 us a row to make, so to find one by it
--   select * from pgdurable.sys_invocation where uuid = pgdurable.invocation_uuid('inv_1...')
-- uses the primary key, and `where id = 'inv_1...'` reads the whole table.

create or replace view pgdurable.sys_invocation_status as
select
    pgdurable_engine.partition_of(i.id) as partition_key,
    pgdurable.invocation_id(i.id) as id,
    null::text as vqueue_id,
    i.status::text as status,
    i.outcome::text as completion_result,
    case when i.outcome = 'failure' then (
        select pgdurable_engine.failure_text(j.value)
        from pgdurable_engine.journal j where j.id = i.id order by j.index desc limit 1
    ) end as completion_failure,
    concat_ws('/', i.service, pgdurable_engine.key_of(i.key), i.handler) as target,
    i.service as target_service_name,
    pgdurable_engine.key_of(i.key) as target_service_key,
    i.handler as target_handler_name,
    case i.handler_type
        when 'service' then 'service'
        when 'workflow' then 'workflow'
        when 'exclusive' then 'virtual_object'
        else coalesce((select s.type from pgdurable_engine.service s where s.name = i.service), 'virtual_object')
    end as target_service_ty,
    pgdurable_engine.scope_of(i.key) as scope,
    pgdurable_engine.limit_key_of(i.id, i.key) as limit_key,
    i.idempotency_key,
    case
        when i.restarted_from is not null then 'restart_as_new'
        when i.caller_id is not null then 'service'
        else 'ingress'
    end as invoked_by,
    pgdurable.invocation_id(i.caller_id) as invoked_by_id,
    null::text as invoked_by_subscription_id,
    (select c.service from pgdurable_engine.invocation c where c.id = i.caller_id) as invoked_by_service_name,
    (
        select concat_ws('/', c.service, pgdurable_engine.key_of(c.key), c.handler)
        from pgdurable_engine.invocation c where c.id = i.caller_id
    ) as invoked_by_target,
    pgdurable.invocation_id(i.restarted_from) as restarted_from,
    coalesce(i.deployment_id, (
        select w.deployment_id
        from pgdurable_engine.running r
        join pgdurable_engine.worker w on w.id = r.owner and w.versioned
        where r.id = i.id
    )) as pinned_deployment_id,
    null::int as pinned_service_protocol_version,
    nullif(split_part(i.trace_parent, '-', 2), '') as trace_id,
    (
        (select count(*) from pgdurable_engine.journal j where j.id = i.id)
        + (select count(*) from pgdurable_engine.notification n where n.id = i.id)
    )::int as journal_size,
    (select count(*) from pgdurable_engine.journal j where j.id = i.id)::int as journal_commands_size,
    i.created_at,
    null::text as created_using_restate_version,
    i.modified_at,
    i.inboxed_at,
    case when i.start_at is not null then i.created_at end as scheduled_at,
    i.start_at as scheduled_start_at,
    coalesce(
        i.running_at, (select r.started_at from pgdurable_engine.running r where r.id = i.id)
    ) as running_at,
    i.completed_at,
    make_interval(secs => i.retention) as completion_retention,
    make_interval(secs => i.journal_retention) as journal_retention,
    case when i.status = 'suspended' and i.awaiting is not null
        then array(select a from unnest(i.awaiting) a where a >= 0)
    end as suspended_waiting_for_completions,
    case when i.status = 'suspended' and i.awaiting is not null
        then array(select -a from unnest(i.awaiting) a where a < 0)
    end as suspended_waiting_for_signals,
    case when i.status = 'suspended'
        then pgdurable_engine.awaiting_json(i.awaiting)::text
    end as suspended_waiting_future_json,
    i.id as uuid
from pgdurable_engine.invocation i;

comment on view pgdurable.sys_invocation_status is
    'Invocations as they are stored: inboxed, scheduled, invoked, suspended, paused, completed';
comment on column pgdurable.sys_invocation_status.uuid is
    'The primary key: filter by uuid = pgdurable.invocation_uuid(''inv_1...'')';

create or replace view pgdurable.sys_invocation_state as
select
    pgdurable_engine.partition_of(i.id) as partition_key,
    pgdurable.invocation_id(i.id) as id,
    r.id is not null as in_flight,
    coalesce(f.retry_count, 0)::bigint as retry_count,
    r.started_at as last_start_at,
    coalesce(w.deployment_id, i.deployment_id) as last_attempt_deployment_id,
    null::text as last_attempt_server,
    f.next_retry_at,
    case when f.id is not null then format('[%s] %s', f.code, f.message) end as last_failure,
    null::text as last_failure_error_code,
    f.related_index::bigint as last_failure_related_command_index,
    f.related_name as last_failure_related_command_name,
    pgdurable_engine.entry_type(f.related_type) as last_failure_related_command_type,
    f.related_index::bigint as last_failure_related_entry_index,
    f.related_name as last_failure_related_entry_name,
    pgdurable_engine.entry_type(f.related_type) as last_failure_related_entry_type,
    null::text as last_awaiting_on_future_json,
    i.id as uuid
from (
    select r.id from pgdurable_engine.running r
    union
    select f.id from pgdurable_engine.failure f
) ids
join pgdurable_engine.invocation i on i.id = ids.id
left join pgdurable_engine.running r on r.id = ids.id
left join pgdurable_engine.worker w on w.id = r.owner
left join pgdurable_engine.failure f on f.id = ids.id;

comment on view pgdurable.sys_invocation_state is
    'Attempts: invocations that run now, and those whose last attempt failed';
comment on column pgdurable.sys_invocation_state.retry_count is
    'Failed attempts in a row without a new journal entry';
comment on column pgdurable.sys_invocation_state.uuid is
    'The primary key: filter by uuid = pgdurable.invocation_uuid(''inv_1...'')';

create or replace view pgdurable.sys_invocation as
select
    s.id,
    s.vqueue_id,
    case
        when s.status = 'inboxed' then 'pending'
        when s.status <> 'invoked' then s.status
        when r.id is not null then 'running'
        when f.next_retry_at is not null then 'backing-off'
        else 'ready'
    end as status,
    s.completion_result,
    s.completion_failure,
    s.target,
    s.target_service_name,
    s.target_service_key,
    s.target_handler_name,
    s.target_service_ty,
    s.scope,
    s.limit_key,
    s.idempotency_key,
    s.invoked_by,
    s.invoked_by_id,
    s.invoked_by_subscription_id,
    s.invoked_by_service_name,
    s.invoked_by_target,
    s.restarted_from,
    s.pinned_deployment_id,
    s.pinned_service_protocol_version,
    s.trace_id,
    s.journal_size,
    s.journal_commands_size,
    s.created_at,
    s.created_using_restate_version,
    s.modified_at,
    s.inboxed_at,
    s.scheduled_at,
    s.scheduled_start_at,
    s.running_at,
    s.completed_at,
    s.completion_retention,
    s.journal_retention,
    s.suspended_waiting_for_completions,
    s.suspended_waiting_for_signals,
    s.suspended_waiting_future_json,
    case when r.id is not null or f.id is not null then coalesce(f.retry_count, 0)::bigint end as retry_count,
    r.started_at as last_start_at,
    case when r.id is not null or f.id is not null
        then coalesce(w.deployment_id, s.pinned_deployment_id)
    end as last_attempt_deployment_id,
    null::text as last_attempt_server,
    f.next_retry_at,
    case when f.id is not null then format('[%s] %s', f.code, f.message) end as last_failure,
    null::text as last_failure_error_code,
    f.related_index::bigint as last_failure_related_command_index,
    f.related_name as last_failure_related_command_name,
    pgdurable_engine.entry_type(f.related_type) as last_failure_related_command_type,
    f.related_index::bigint as last_failure_related_entry_index,
    f.related_name as last_failure_related_entry_name,
    pgdurable_engine.entry_type(f.related_type) as last_failure_related_entry_type,
    null::text as last_awaiting_on_future_json,
    s.uuid,
    case when s.status = 'invoked' and r.id is null and f.next_retry_at is null
        then pgdurable_engine.unserved(s.target_service_name, s.pinned_deployment_id)
    end as waits_for_deployment
from pgdurable.sys_invocation_status s
left join pgdurable_engine.running r on r.id = s.uuid
left join pgdurable_engine.worker w on w.id = r.owner
left join pgdurable_engine.failure f on f.id = s.uuid;

comment on view pgdurable.sys_invocation is
    'Invocations: scheduled, pending, ready, running, backing-off, suspended, paused, completed';
comment on column pgdurable.sys_invocation.id is
    'To find one by its id: uuid = pgdurable.invocation_uuid(''inv_1...'')';
comment on column pgdurable.sys_invocation.target is 'Service/handler or Service/key/handler, without the scope';
comment on column pgdurable.sys_invocation.limit_key is
    'With which it was called in its scope; null, too, once its journal is gone';
comment on column pgdurable.sys_invocation.completion_failure is '[code] message, of one that completed with a failure';
comment on column pgdurable.sys_invocation.invoked_by is 'ingress, service or restart_as_new';
comment on column pgdurable.sys_invocation.retry_count is 'Failed attempts in a row without a new journal entry';
comment on column pgdurable.sys_invocation.pinned_deployment_id is
    'The deployment that began it and has to go on with it; null: not begun, or begun by an unversioned one';
comment on column pgdurable.sys_invocation.waits_for_deployment is
    'Ready, and nobody may run it: the deployment of which no worker lives';
comment on column pgdurable.sys_invocation.uuid is
    'The primary key: filter by uuid = pgdurable.invocation_uuid(''inv_1...'')';
