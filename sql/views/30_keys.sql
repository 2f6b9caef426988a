-- Virtual objects and workflows: state, inboxes, holders, promises. Restate's column names.

-- Two halves, so that a key without a scope is found by the primary key, and one with a scope by the index of these.
create or replace view pgdurable.state as
select
    pgdurable_engine.partition_of_key(s.stored_key) as partition_key,
    s.scope,
    s.service as service_name,
    s.key as service_key,
    s.name as key,
    length(s.name)::bigint as key_length,
    pgdurable_engine.utf8(s.value) as value_utf8,
    s.value,
    length(s.value)::bigint as value_length
from (
    select u.service, u.key, null::text as scope, u.key as stored_key, u.name, u.value
    from pgdurable_engine.state u where ascii(u.key) <> 1
    union all
    select
        p.service, pgdurable_engine.key_of(p.key), pgdurable_engine.scope_of(p.key), p.key, p.name, p.value
    from pgdurable_engine.state p where ascii(p.key) = 1
) s;

comment on view pgdurable.state is 'State of virtual objects and workflows, as last committed';
comment on column pgdurable.state.value_utf8 is 'The value as text; null where its bytes are not UTF-8';

create or replace view pgdurable.sys_inbox as
select
    pgdurable_engine.partition_of(b.id) as partition_key,
    b.service as service_name,
    pgdurable_engine.key_of(b.key) as service_key,
    pgdurable.invocation_id(b.id) as id,
    b.seq as sequence_number,
    b.created_at,
    b.id as uuid,
    pgdurable_engine.scope_of(b.key) as scope
from pgdurable_engine.inbox b;

comment on view pgdurable.sys_inbox is 'Invocations that wait for their key; the lowest sequence number is the next';

create or replace view pgdurable.sys_keyed_service_status as
select
    pgdurable_engine.partition_of(h.id) as partition_key,
    h.service as service_name,
    pgdurable_engine.key_of(h.key) as service_key,
    pgdurable.invocation_id(h.id) as invocation_id,
    h.id as uuid,
    pgdurable_engine.scope_of(h.key) as scope
from pgdurable_engine.key_holder h;

comment on view pgdurable.sys_keyed_service_status is 'The invocation that holds each key that is held';

create or replace view pgdurable.sys_locks as
select
    pgdurable_engine.partition_of(h.id) as partition_key,
    pgdurable_engine.scope_of(h.key) as scope,
    h.service || '/' || pgdurable_engine.key_of(h.key) as lock_name,
    coalesce(i.running_at, r.started_at) as acquired_at,
    pgdurable.invocation_id(h.id) as acquired_by,
    h.id as uuid
from pgdurable_engine.key_holder h
left join pgdurable_engine.invocation i on i.id = h.id
left join pgdurable_engine.running r on r.id = h.id;

comment on view pgdurable.sys_locks is 'sys_keyed_service_status with the time since which the holder runs';

create or replace view pgdurable.sys_promise as
select
    pgdurable_engine.partition_of_key(p.stored_key) as partition_key,
    p.scope,
    p.service as service_name,
    p.key as service_key,
    p.name as key,
    p.outcome is not null as completed,
    case when p.outcome = 'success' then p.value end as completion_success_value,
    case when p.outcome = 'success' then pgdurable_engine.utf8(p.value) end as completion_success_value_utf8,
    case when p.outcome = 'failure' then pgdurable_engine.failure_text(p.value) end as completion_failure
from (
    select u.service, u.key, null::text as scope, u.key as stored_key, u.name, u.outcome, u.value
    from pgdurable_engine.promise u where ascii(u.key) <> 1
    union all
    select
        s.service, pgdurable_engine.key_of(s.key), pgdurable_engine.scope_of(s.key), s.key, s.name, s.outcome, s.value
    from pgdurable_engine.promise s where ascii(s.key) = 1
) p;

comment on view pgdurable.sys_promise is 'Durable promises of workflows; one that is not completed is being waited for';
