-- What the views show: bytes as text, entries as Restate's JSON. Nothing here fails on what a user has stored.

-- Null where the bytes are not text.
create or replace function pgdurable_engine.utf8(p_bytes bytea) returns text
language plpgsql stable strict
as $$
begin
    return convert_from(p_bytes, 'UTF8');
exception when data_exception then
    return null;
end $$;

-- Null where the bytes are not JSON. A NUL is valid there, and not in PostgreSQL's text.
create or replace function pgdurable_engine.utf8_json(p_bytes bytea) returns json
language plpgsql stable strict
as $$
begin
    return replace(convert_from(p_bytes, 'UTF8'), '\u0000', '\ufffd')::json;
exception when data_exception or program_limit_exceeded then  -- the latter: nested too deeply
    return null;
end $$;

-- [104, 105]: how Restate's JSON has payloads.
create or replace function pgdurable_engine.bytes_json(p_bytes bytea) returns json
language sql immutable strict parallel safe
as $$
    select coalesce(json_agg(get_byte(p_bytes, b) order by b), '[]')
    from generate_series(0, length(p_bytes) - 1) b
$$;

-- {"code", "message"}, whatever was stored as a failure.
create or replace function pgdurable_engine.failure_json(p_value bytea) returns json
language sql stable
as $$
    select case
        when json_typeof(f) = 'object' then json_build_object(
            'code', case when f ->> 'code' ~ '^[0-9]{1,9}$' then (f ->> 'code')::int else 500 end,
            'message', coalesce(f ->> 'message', '')
        )
        else json_build_object('code', 500, 'message', coalesce(pgdurable_engine.utf8(p_value), ''))
    end
    from (select pgdurable_engine.utf8_json(p_value)) x (f)
$$;

create or replace function pgdurable_engine.failure_text(p_value bytea) returns text
language sql stable
as $$
    select format('[%s] %s', f ->> 'code', f ->> 'message') from (select pgdurable_engine.failure_json(p_value)) x (f)
$$;

-- {"Success": [...]}, {"Failure": {...}} or "Void"; the short form has no payload.
create or replace function pgdurable_engine.result_json(
    p_outcome pgdurable_engine.outcome, p_value bytea, p_short boolean
) returns json
language sql stable
as $$
    select case p_outcome
        when 'success' then
            case when p_short then '"Success"'
                else json_build_object('Success', pgdurable_engine.bytes_json(coalesce(p_value, ''))) end
        when 'failure' then json_build_object('Failure', pgdurable_engine.failure_json(p_value))
        when 'void' then '"Void"'
    end
$$;

-- {"a": "b"} as [{"key": "a", "value": "b"}].
create or replace function pgdurable_engine.headers_json(p_headers json) returns json
language sql immutable
as $$
    select case json_typeof(p_headers)
        when 'object' then (
            select coalesce(json_agg(json_build_object('key', h.key, 'value', h.value)), '[]')
            from json_each_text(p_headers) h
        )
        when 'array' then p_headers
        else '[]'
    end
$$;

-- Service/handler and Service/key/handler. A key may have slashes.
create or replace function pgdurable_engine.target_json(p_target text, p_scope text) returns json
language sql stable
as $$
    select case
        when t.key is null then json_build_object('Service', json_build_object(
            'scope', p_scope, 'name', t.service, 'handler', t.handler
        ))
        when coalesce(s.type, '') = 'workflow' then json_build_object('Workflow', json_build_object(
            'scope', p_scope, 'name', t.service, 'key', t.key, 'handler', t.handler,
            'handler_ty', case h.type when 'shared' then 'Shared' else 'Workflow' end
        ))
        else json_build_object('VirtualObject', json_build_object(
            'scope', p_scope, 'name', t.service, 'key', t.key, 'handler', t.handler,
            'handler_ty', case h.type when 'shared' then 'Shared' else 'Exclusive' end
        ))
    end
    from (
        select
            substring(p_target from '^([^/]*)/') as service,
            substring(p_target from '^[^/]*/(.*)/[^/]*$') as key,
            substring(p_target from '([^/]*)$') as handler
    ) t
    left join pgdurable_engine.service s on s.name = t.service
    left join pgdurable_engine.handler h on h.service = t.service and h.name = t.handler
$$;

create or replace function pgdurable_engine.signal_json(p_index int, p_name text) returns json
language sql stable
as $$
    select case when p_name is null then json_build_object('Index', p_index) else json_build_object('Name', p_name) end
$$;

create or replace function pgdurable_engine.milliseconds(p_at timestamptz) returns bigint
language sql immutable strict parallel safe
as $$ select (extract(epoch from p_at) * 1000)::bigint $$;

-- What an outside system gets to complete: `sign_1` and base64url of Restate's 24 bytes of the id and of the number of
-- the signal.
create or replace function pgdurable_engine.awakeable_id(p_id uuid, p_signal int) returns text
language sql immutable strict parallel safe
as $$
    select 'sign_1' || rtrim(translate(encode(
        pgdurable_engine.partition_key_bytes(p_id) || uuid_send(p_id) || int4send(p_signal), 'base64'
    ), E'+/\n', '-_'), '=')
$$;

-- A command as Restate's JSON. Its completion id is its own index. A result that came with the command, in one row,
-- is shown inside it as "result"; Restate has it in a notification of its own.
create or replace function pgdurable_engine.command_json(p_entry pgdurable_engine.journal, p_short boolean) returns json
language sql stable
as $$
    select json_build_object('Command', json_build_object(coalesce(t.type, 'Unknown'), json_strip_nulls(case
        when t.type = 'Input' then json_build_object(
            'headers', case when not p_short then pgdurable_engine.headers_json(d.detail -> 'headers') end,
            'payload', case when not p_short then pgdurable_engine.bytes_json(coalesce(p_entry.value, '')) end,
            'name', coalesce(p_entry.name, '')
        )
        when t.type = 'Output' then json_build_object('result', r.result, 'name', coalesce(p_entry.name, ''))
        when t.type in ('GetLazyState', 'GetPromise', 'PeekPromise') then json_build_object(
            'key', p_entry.name, 'completion_id', p_entry.index, 'result', r.result,
            'name', coalesce(d.detail ->> 'name', '')
        )
        when t.type = 'SetState' then json_build_object(
            'key', p_entry.name,
            'value', case when not p_short then pgdurable_engine.bytes_json(coalesce(p_entry.value, '')) end,
            'name', coalesce(d.detail ->> 'name', '')
        )
        when t.type = 'ClearState' then json_build_object(
            'key', p_entry.name, 'name', coalesce(d.detail ->> 'name', '')
        )
        when t.type = 'GetLazyStateKeys' then json_build_object(
            'completion_id', p_entry.index, 'state_keys', pgdurable_engine.utf8_json(p_entry.value),
            'name', coalesce(d.detail ->> 'name', '')
        )
        when t.type = 'GetEagerState' then json_build_object(
            'key', p_entry.name, 'result', r.result, 'name', coalesce(d.detail ->> 'name', '')
        )
        when t.type = 'GetEagerStateKeys' then json_build_object(
            'state_keys', pgdurable_engine.utf8_json(p_entry.value),
            'name', coalesce(d.detail ->> 'name', '')
        )
        when t.type = 'CompletePromise' then json_build_object(
            'key', p_entry.name, 'value', r.result, 'completion_id', p_entry.index, 'name', ''
        )
        when t.type = 'Sleep' then json_build_object(
            'wake_up_time', pgdurable_engine.milliseconds(p_entry.wake_at), 'completion_id', p_entry.index,
            'name', coalesce(p_entry.name, '')
        )
        when t.type in ('Call', 'OneWayCall') then json_build_object(
            'request', json_build_object(
                'invocation_id', pgdurable.invocation_id(p_entry.target_id),
                'invocation_target', pgdurable_engine.target_json(p_entry.target, d.detail ->> 'scope'),
                'parameter', case when not p_short then pgdurable_engine.bytes_json(coalesce(p_entry.value, '')) end,
                'headers', case when not p_short then pgdurable_engine.headers_json(d.detail -> 'headers') end,
                'idempotency_key', d.detail ->> 'idempotency_key',
                'limit_key', d.detail ->> 'limit_key'
            ),
            'invocation_id_completion_id', 0,
            'result_completion_id', case t.type when 'Call' then p_entry.index end,
            'invoke_time', case t.type
                when 'OneWayCall' then coalesce(pgdurable_engine.milliseconds(p_entry.wake_at), 0)
            end,
            'name', coalesce(p_entry.name, '')
        )
        when t.type = 'SendSignal' then json_build_object(
            'target_invocation_id', pgdurable.invocation_id(p_entry.target_id),
            'signal_id', pgdurable_engine.signal_json((d.detail ->> 'signal')::int, p_entry.name),
            'result', r.result, 'name', ''
        )
        when t.type = 'CompleteAwakeable' then json_build_object(
            'id', pgdurable_engine.awakeable_id(p_entry.target_id, (d.detail ->> 'signal')::int),
            'result', r.result, 'name', coalesce(p_entry.name, '')
        )
        when t.type = 'Run' then json_build_object(
            'completion_id', p_entry.index, 'result', r.result, 'name', coalesce(p_entry.name, '')
        )
        when t.type in ('AttachInvocation', 'GetInvocationOutput') then json_build_object(
            'target', json_build_object('InvocationId', pgdurable.invocation_id(p_entry.target_id)),
            'completion_id', p_entry.index, 'result', r.result, 'name', coalesce(p_entry.name, '')
        )
        else json_build_object('name', coalesce(d.detail ->> 'name', p_entry.name, ''))
    end)))
    from (select pgdurable_engine.entry_type(p_entry.type)) t (type)
    cross join (select pgdurable_engine.utf8_json(convert_to(p_entry.detail, 'UTF8'))) d (detail)
    cross join (select pgdurable_engine.result_json(p_entry.outcome, p_entry.value, p_short)) r (result)
$$;

-- A notification as Restate's JSON: the completion of a command, or a signal.
create or replace function pgdurable_engine.notification_json(p_entry pgdurable_engine.notification, p_short boolean)
returns json
language sql stable
as $$
    select json_build_object('Notification', case
        when t.type = 'Signal' then json_build_object('Signal', json_build_object(
            'id', pgdurable_engine.signal_json(p_entry.index, p_entry.name), 'result', r.result
        ))
        else json_build_object('Completion', json_build_object(coalesce(t.type, 'Unknown'), case t.type
            when 'Sleep' then json_build_object('completion_id', p_entry.index)
            when 'GetLazyStateKeys' then json_build_object(
                'completion_id', p_entry.index, 'state_keys', pgdurable_engine.utf8_json(p_entry.value)
            )
            else json_build_object('completion_id', p_entry.index, 'result', r.result)
        end))
    end)
    from (select pgdurable_engine.entry_type(p_entry.type)) t (type)
    cross join (select pgdurable_engine.result_json(p_entry.outcome, p_entry.value, p_short)) r (result)
$$;

-- What a suspended invocation waits for, as Restate's JSON: indexes of commands, and signals as negative numbers.
create or replace function pgdurable_engine.awaiting_json(p_awaiting int[]) returns json
language sql immutable
as $$
    select case
        when p_awaiting is null then json_build_object('Unknown', '[]'::json)
        when cardinality(p_awaiting) = 1 then min(x.single::text)::json
        else json_build_object('FirstCompleted', json_agg(x.single))
    end
    from (
        select json_build_object('Single', case
            when a < 0 then json_build_object('SignalIndex', -a)
            else json_build_object('CompletionId', a)
        end) as single
        from unnest(p_awaiting) a
    ) x
$$;

-- The 12 bits of the object key's hash that are in the ids of its invocations; of what has a scope, of that one's.
create or replace function pgdurable_engine.partition_of_key(p_key text) returns int
language sql immutable strict parallel safe
as $$
    select (
        'x' || substr(encode(sha256(convert_to(coalesce(pgdurable_engine.scope_of(p_key), p_key), 'UTF8')), 'hex'), 1, 3)
    )::bit(12)::int
$$;
