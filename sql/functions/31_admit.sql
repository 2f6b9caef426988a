-- New invocations: from outside (submit) and from handlers (apply). The one place where an invocation is born.
-- The caller holds the key locks of every exclusive one.

create or replace function pgdurable_engine.admit(
    p_new pgdurable_engine.submission[], p_now timestamptz,
    out admitted uuid[], out runnable uuid[]
)
language plpgsql
as $$
begin
    -- Locked, or of two that come at once the second would expire what the first has just admitted.
    perform pgdurable_engine.expire(array(
        select i.id
        from unnest(p_new) s
        join pgdurable_engine.invocation i on i.id = s.id
        where i.status = 'completed' and i.completed_at + make_interval(secs => i.retention) <= p_now
        order by i.id
        for update of i
    ));

    with new as (
        select distinct on (s.id) s.*
        from unnest(p_new) with ordinality s
        where not exists (select from pgdurable_engine.invocation i where i.id = s.id)
        order by s.id, s.ordinality
    ), holders as (
        -- Whoever comes first to a free key holds it.
        insert into pgdurable_engine.key_holder (service, key, id)
        select distinct on (n.service, n.key) n.service, n.key, n.id
        from new n
        where n.handler_type = 'exclusive' and n.delay is null
        order by n.service, n.key, n.ordinality
        on conflict do nothing
        returning id
    ), born as (
        insert into pgdurable_engine.invocation (
            id, service, handler, key, handler_type, status, caller_id, caller_index, origin, idempotency_key,
            retention, journal_retention, created_at, modified_at, inboxed_at, start_at, trace_parent
        )
        select
            n.id, n.service, n.handler, n.key, n.handler_type,
            case
                when n.delay is not null then 'scheduled'
                when n.handler_type = 'exclusive' and h.id is null then 'inboxed'
                else 'invoked'
            end::pgdurable_engine.invocation_status,
            n.caller_id, n.caller_index, n.origin, n.idempotency_key, n.retention, n.journal_retention, p_now, p_now,
            case when n.delay is null and n.handler_type = 'exclusive' and h.id is null then p_now end,
            p_now + n.delay, n.trace_parent
        from new n
        left join holders h on h.id = n.id
        order by n.id
        on conflict (id) do nothing
        returning id, status
    ), inputs as (
        insert into pgdurable_engine.journal (id, index, type, seen, outcome, value, detail, appended_at)
        select n.id, 0, 1024, 0, 'success', n.input, n.headers, p_now
        from new n join born b on b.id = n.id
    ), waiting as (
        insert into pgdurable_engine.inbox (service, key, seq, id, created_at)
        select
            n.service, n.key,
            coalesce((
                select max(x.seq) from pgdurable_engine.inbox x where x.service = n.service and x.key = n.key
            ), 0) + row_number() over (partition by n.service, n.key order by n.ordinality),
            n.id, p_now
        from new n join born b on b.id = n.id and b.status = 'inboxed'
    ), timers as (
        insert into pgdurable_engine.timer (fire_at, id, index, type)
        select p_now + n.delay, n.id, 0, 'start'
        from new n join born b on b.id = n.id and b.status = 'scheduled'
    )
    select array_agg(n.id), array_agg(n.id order by n.ordinality) filter (where b.status = 'invoked')
    into admitted, runnable
    from new n join born b on b.id = n.id;
end $$;

-- A scheduled one is due: it takes its key or joins the inbox. The caller holds the key locks and the rows.
create or replace function pgdurable_engine.admit_due(p_ids uuid[], p_now timestamptz, out runnable uuid[])
language plpgsql
as $$
begin
    with due as (
        select i.id, i.service, i.key, i.handler_type, ids.ordinality
        from unnest(p_ids) with ordinality ids (id, ordinality)
        join pgdurable_engine.invocation i on i.id = ids.id
        where i.status = 'scheduled'
    ), holders as (
        insert into pgdurable_engine.key_holder (service, key, id)
        select distinct on (d.service, d.key) d.service, d.key, d.id
        from due d
        where d.handler_type = 'exclusive'
        order by d.service, d.key, d.ordinality
        on conflict do nothing
        returning id
    ), moved as (
        update pgdurable_engine.invocation i
        set status = case when d.handler_type = 'exclusive' and h.id is null then 'inboxed' else 'invoked' end
                ::pgdurable_engine.invocation_status,
            inboxed_at = case when d.handler_type = 'exclusive' and h.id is null then p_now end,
            modified_at = p_now
        from due d left join holders h on h.id = d.id
        where i.id = d.id
        returning i.id, i.status
    ), waiting as (
        insert into pgdurable_engine.inbox (service, key, seq, id, created_at)
        select
            d.service, d.key,
            coalesce((
                select max(x.seq) from pgdurable_engine.inbox x where x.service = d.service and x.key = d.key
            ), 0) + row_number() over (partition by d.service, d.key order by d.ordinality),
            d.id, p_now
        from due d join moved m on m.id = d.id and m.status = 'inboxed'
    )
    select array_agg(d.id order by d.ordinality) into runnable
    from due d join moved m on m.id = d.id and m.status = 'invoked';
end $$;
