-- Journals, with Restate's column names.

create or replace view pgdurable.sys_journal as
select
    pgdurable_engine.partition_of(e.id) as partition_key,
    pgdurable.invocation_id(e.id) as id,
    (row_number() over (partition by e.id order by e.seen, e.place, e.index))::int - 1 as index,
    case e.place when 1 then 'Command: ' else 'Notification: ' end
        || coalesce(pgdurable_engine.entry_type(e.type), e.type::text) as entry_type,
    e.name,
    e.completed,
    pgdurable.invocation_id(e.invoked) as invoked_id,
    e.invoked_target,
    e.sleep_wakeup_at,
    e.promise_name,
    e.raw,
    length(e.raw)::bigint as raw_length,
    2 as version,
    case when e.place = 1
        then pgdurable_engine.command_json(e.command, false)
        else pgdurable_engine.notification_json(e.notification, false)
    end::text as entry_json,
    case when e.place = 1
        then pgdurable_engine.command_json(e.command, true)
        else pgdurable_engine.notification_json(e.notification, true)
    end::text as entry_lite_json,
    e.appended_at,
    e.id as uuid
from (
    -- A command was issued after the notifications that its handler had seen, and before the next one.
    select
        j.id, j.seen, 1 as place, j.index, j.type, j.name,
        case
            when j.type in (1026, 1030, 1033, 1034, 1035, 1036, 1037, 1041, 1042, 1043) then
                (j.outcome is not null and j.type <> 1035) or exists (
                    select from pgdurable_engine.notification n
                    where n.id = j.id and n.index = j.index and n.type <> 31743
                )
        end as completed,
        case when j.type in (1037, 1038) then j.target_id end as invoked,
        case when j.type in (1037, 1038) then j.target end as invoked_target,
        case when j.type = 1036 then j.wake_at end as sleep_wakeup_at,
        case when j.type in (1033, 1034, 1035) then j.name end as promise_name,
        j.value as raw, j.appended_at, j as command, null::pgdurable_engine.notification as notification
    from pgdurable_engine.journal j
    union all
    select
        n.id, n.seq, 0, 0, n.type, n.name, null, null, null, null, null,
        n.value, n.appended_at, null, n
    from pgdurable_engine.notification n
) e;

comment on view pgdurable.sys_journal is
    'Journal entries: commands, and the notifications between them, in the order in which the handler met them';
comment on column pgdurable.sys_journal.index is 'Position among commands and notifications, from 0';
comment on column pgdurable.sys_journal.completed is
    'Of a command with a result: whether the result is there, in its own row or in a notification';
comment on column pgdurable.sys_journal.raw is 'The payload: input, output, result, state value, parameter';
comment on column pgdurable.sys_journal.entry_json is
    'Restate''s JSON of the entry, payloads as arrays of bytes; the completion id is the position among the commands';
comment on column pgdurable.sys_journal.entry_lite_json is 'entry_json without payloads';
comment on column pgdurable.sys_journal.uuid is
    'The invocation: filter by uuid = pgdurable.invocation_uuid(''inv_1...'')';

create or replace view pgdurable.sys_journal_events as
select
    pgdurable_engine.partition_of(e.id) as partition_key,
    pgdurable.invocation_id(e.id) as id,
    e.after_index as after_journal_entry_index,
    e.appended_at,
    e.type as event_type,
    case e.type
        when 'Paused' then json_build_object('ty', e.type, 'last_failure', e.detail::json)
        else (jsonb_build_object('ty', e.type) || e.detail::jsonb)::json
    end::text as event_json,
    e.id as uuid
from pgdurable_engine.event e;

comment on view pgdurable.sys_journal_events is 'Failed attempts and pauses, kept as long as the journal';
comment on column pgdurable.sys_journal_events.after_journal_entry_index is 'The last command before it';
comment on column pgdurable.sys_journal_events.uuid is
    'The invocation: filter by uuid = pgdurable.invocation_uuid(''inv_1...'')';
