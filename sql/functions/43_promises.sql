-- Durable promises and attached results: what a handler waits for that is not its own child.

-- Get waits, peek looks, complete is answered with void or, a second time, with a failure. Promises are rows of their
-- own, made by whoever comes first, and their row lock keeps a waiter and a completion from missing each other.
create or replace function pgdurable_engine.use_promises(p_uses pgdurable_engine.promise_use[])
returns pgdurable_engine.notice[]
language plpgsql
as $$
declare
    v_notices pgdurable_engine.notice[] := '{}';
    v_use     pgdurable_engine.promise_use;
    v_promise pgdurable_engine.promise;
begin
    -- One by one and in order: two completions of one promise in one batch are rare, but one of them must lose.
    for v_use in
        select u.source, u.index, u.type, u.service, u.key, u.name, u.outcome, u.value
        from unnest(p_uses) with ordinality u
        order by u.service, u.key, u.name, u.ordinality
    loop
        insert into pgdurable_engine.promise (service, key, name) values (v_use.service, v_use.key, v_use.name)
        on conflict do nothing;
        select p.* into v_promise from pgdurable_engine.promise p
        where p.service = v_use.service and p.key = v_use.key and p.name = v_use.name
        for no key update;

        if v_use.type = 1035 then
            v_notices := v_notices || pgdurable_engine.complete_promise(v_use, v_promise.outcome is not null);
        elsif v_promise.outcome is not null then
            v_notices := v_notices || row(
                v_use.source, v_use.source, v_use.type, v_use.index, null, v_promise.outcome, v_promise.value
            )::pgdurable_engine.notice;
        elsif v_use.type = 1034 then
            v_notices := v_notices || row(
                v_use.source, v_use.source, v_use.type, v_use.index, null, 'void', null
            )::pgdurable_engine.notice;
        else
            insert into pgdurable_engine.promise_waiter (service, key, name, id, index)
            values (v_use.service, v_use.key, v_use.name, v_use.source, v_use.index)
            on conflict do nothing;
        end if;
    end loop;
    return v_notices;
end $$;

-- The caller holds the promise's row. `source` is null for a completion from outside, which waits for no answer.
create or replace function pgdurable_engine.complete_promise(p_use pgdurable_engine.promise_use, p_late boolean)
returns pgdurable_engine.notice[]
language plpgsql
as $$
declare
    v_notices pgdurable_engine.notice[] := '{}';
begin
    if p_use.source is not null then
        v_notices := v_notices || row(
            p_use.source, p_use.source, 1035, p_use.index, null,
            case when p_late then 'failure' else 'void' end,
            case when p_late then convert_to('{"code":409,"message":"promise was already completed"}', 'UTF8') end
        )::pgdurable_engine.notice;
    end if;
    if p_late then
        return v_notices;
    end if;

    update pgdurable_engine.promise p set outcome = p_use.outcome, value = p_use.value
    where p.service = p_use.service and p.key = p_use.key and p.name = p_use.name;

    with told as (
        delete from pgdurable_engine.promise_waiter w
        where w.service = p_use.service and w.key = p_use.key and w.name = p_use.name
        returning w.id, w.index
    )
    select v_notices || coalesce(array_agg(
        row(p_use.source, t.id, 1033, t.index, null, p_use.outcome, p_use.value)::pgdurable_engine.notice
    ), '{}')
    into v_notices
    from told t;
    return v_notices;
end $$;

-- AttachInvocation (1042) waits for a result, GetInvocationOutput (1043) answers at once, void when there is none yet.
create or replace function pgdurable_engine.attach(p_attaches pgdurable_engine.attach[])
returns pgdurable_engine.notice[]
language plpgsql
as $$
declare
    v_notices pgdurable_engine.notice[];
begin
    with locked as (
        select i.id, i.status
        from pgdurable_engine.invocation i
        where i.id = any (array(select a.target_id from unnest(p_attaches) a))
        order by i.id
        for no key update
    ), waiting as (
        insert into pgdurable_engine.waiter (id, waiter_id, waiter_index, waiter_type)
        select a.target_id, a.source, a.index, a.type
        from unnest(p_attaches) a join locked l on l.id = a.target_id
        where a.type = 1042 and l.status <> 'completed'
    )
    select array_agg(row(
        a.source, a.source, a.type, a.index, null,
        case when l.id is null then 'failure' when l.status = 'completed' then r.outcome else 'void' end,
        case when l.id is null then convert_to('{"code":404,"message":"invocation not found"}', 'UTF8') else r.value end
    )::pgdurable_engine.notice order by a.ordinality)
    into v_notices
    from unnest(p_attaches) with ordinality a
    left join locked l on l.id = a.target_id
    left join pgdurable_engine.results(array(select x.target_id from unnest(p_attaches) x)) r on r.id = a.target_id
    where l.id is null or l.status = 'completed' or a.type = 1043;
    return coalesce(v_notices, '{}');
end $$;
