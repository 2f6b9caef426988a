-- For people in psql, for the CLI and for the user's own triggers: complete what a handler waits for. The answers are
-- those of 70_control.sql. A value is given as JSON or, for handlers with another serialisation, as bytes.

create or replace function pgdurable_engine.payload(p_value json, p_bytes bytea) returns bytea
language plpgsql immutable
as $$
begin
    perform pgdurable_engine.need_value(p_value, p_bytes);
    return coalesce(p_bytes, convert_to(p_value::text, 'UTF8'), '');
end $$;

create or replace function pgdurable_engine.failure_payload(p_code int, p_message text) returns bytea
language plpgsql stable
as $$
begin
    perform pgdurable_engine.need_code(p_code);
    return convert_to(json_build_object('code', p_code, 'message', coalesce(p_message, ''))::text, 'UTF8');
end $$;

-- The invocation and the signal of a `sign_1...`. Raises PD003 for a mistyped one.
create or replace function pgdurable_engine.awakeable_signal(p_awakeable text, out id uuid, out signal int)
language plpgsql immutable
as $$
declare
    v_bytes bytea;
begin
    if p_awakeable ~ '^sign_1[0-9a-zA-Z_-]{38}$' then
        v_bytes := decode(translate(substr(p_awakeable, 7), '-_', '+/') || '==', 'base64');
        id := encode(substr(v_bytes, 9, 16), 'hex')::uuid;
        signal := ('x' || encode(substr(v_bytes, 25, 4), 'hex'))::bit(32)::int;
    end if;
    if signal is null or signal < 17 or pgdurable_engine.awakeable_id(id, signal) <> p_awakeable then
        raise exception 'bad awakeable id %', quote_nullable(p_awakeable)
            using errcode = 'PD003',
                hint = 'an awakeable id is sign_1 and 38 letters, digits, - or _; was it copied whole?';
    end if;
end $$;

create or replace function pgdurable.resolve_awakeable(id text, value json default null, bytes bytea default null)
returns text
language sql
as $$
    select pgdurable_engine.signal_one(
        a.id, 'notify', a.signal, 'success',
        pgdurable_engine.payload(resolve_awakeable.value, resolve_awakeable.bytes)
    )
    from pgdurable_engine.awakeable_signal(resolve_awakeable.id) a
$$;

comment on function pgdurable.resolve_awakeable(text, json, bytea) is
    'Complete an awakeable: the handler that waits for it goes on with the value';

create or replace function pgdurable.reject_awakeable(id text, message text, code int default 500) returns text
language sql
as $$
    select pgdurable_engine.signal_one(
        a.id, 'notify', a.signal, 'failure',
        pgdurable_engine.failure_payload(reject_awakeable.code, reject_awakeable.message)
    )
    from pgdurable_engine.awakeable_signal(reject_awakeable.id) a
$$;

comment on function pgdurable.reject_awakeable(text, text, int) is
    'Complete an awakeable with a TerminalError for the handler that waits for it';

create or replace function pgdurable_engine.complete_promise_and_announce(
    p_service text, p_key text, p_name text, p_outcome pgdurable_engine.outcome, p_value bytea
) returns text
language plpgsql
as $$
declare
    v_result text;
    v_hints  pgdurable_engine.hint[];
begin
    perform pgdurable_engine.need_text('service', p_service);
    perform pgdurable_engine.need_text('key', p_key, 1100);  -- a scope stands in front of it
    perform pgdurable_engine.need_text('name of a promise', p_name);
    select c.result, c.hints into v_result, v_hints
    from pgdurable_engine.complete_promise_outside(p_service, p_key, p_name, p_outcome, p_value) c;
    perform pgdurable_engine.announce(v_hints);
    return v_result;
end $$;

create or replace function pgdurable.resolve_promise(
    service text, key text, name text, value json default null, bytes bytea default null, scope text default null
) returns text
language sql
as $$
    select pgdurable_engine.complete_promise_and_announce(
        resolve_promise.service, pgdurable_engine.scoped_key(resolve_promise.scope, resolve_promise.key),
        resolve_promise.name, 'success',
        pgdurable_engine.payload(resolve_promise.value, resolve_promise.bytes)
    )
$$;

comment on function pgdurable.resolve_promise(text, text, text, json, bytea, text) is
    'Complete a durable promise of a workflow; answers completed where somebody was first';

create or replace function pgdurable.reject_promise(
    service text, key text, name text, message text, code int default 500, scope text default null
) returns text
language sql
as $$
    select pgdurable_engine.complete_promise_and_announce(
        reject_promise.service, pgdurable_engine.scoped_key(reject_promise.scope, reject_promise.key),
        reject_promise.name, 'failure',
        pgdurable_engine.failure_payload(reject_promise.code, reject_promise.message)
    )
$$;

comment on function pgdurable.reject_promise(text, text, text, text, int, text) is
    'Complete a durable promise with a TerminalError; answers completed where somebody was first';
