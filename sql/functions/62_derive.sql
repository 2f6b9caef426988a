-- Ids that are derived from what must be unique: the same as pgdurable_sdk.ids.derived_id, for whoever asks in SQL.

-- One part of the digest. Null and the empty text must differ, and no choice of parts may run together into another's.
create or replace function pgdurable_engine.digest_part(p_part text) returns bytea
language sql immutable parallel safe
as $$
    select case
        when p_part is null then '-'::bytea || int8send(0)
        else '+'::bytea || int8send(octet_length(convert_to(p_part, 'UTF8'))) || convert_to(p_part, 'UTF8')
    end
$$;

-- `ik`: an invocation with an idempotency key. `wf`: the run of a workflow, of which only service and key are given.
create or replace function pgdurable_engine.derived_id(
    p_kind text, p_service text, p_key text, p_handler text default null, p_idempotency_key text default null
) returns uuid
language sql immutable parallel safe
as $$
    select (
        substr(d.digits, 1, 12) || '8'
        || lpad(to_hex(pgdurable_engine.partition_of_key(coalesce(p_key, p_idempotency_key, ''))), 3, '0')
        || translate(substr(d.digits, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab')
        || substr(d.digits, 18, 15)
    )::uuid
    from (
        select encode(sha256(
            pgdurable_engine.digest_part(p_kind) || pgdurable_engine.digest_part(p_service)
            || pgdurable_engine.digest_part(p_key) || pgdurable_engine.digest_part(p_handler)
            || pgdurable_engine.digest_part(p_idempotency_key)
        ), 'hex')
    ) d (digits)
$$;
