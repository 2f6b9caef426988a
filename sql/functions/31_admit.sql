-- New invocations: from outside (submit) and from handlers (apply). The one place where an invocation is born.
-- The caller holds the key locks of every exclusive one.

create or replace function pgdurable_engine.admit(
    p_new pgdurable_engine.submission[], p_now timestamptz,
    out admitted uuid[], out runnable uuid[]
)
language plpgsql
as $$
declare
    v_new       pgdurable_engine.submission[] := p_new;
    v_derived   uuid[];
    v_exclusive uuid[];
    v_delayed   uuid[];
    v_inboxed   uuid[] := '{}';
    v_ids       uuid[];
    v_different int;
begin
    select
        array_agg(n.id), count(distinct n.id),
        array_agg(n.id) filter (where n.idempotency_key is not null or n.handler_type = 'workflow'),
        array_agg(n.id) filter (where n.handler_type = 'exclusive' and n.delay is null),
        array_agg(n.id) filter (where n.delay is not null)
    into v_ids, v_different, v_derived, v_exclusive, v_delayed
    from unnest(p_new) n;

    -- A derived id may be that of one that is over. Locked, or of two that come at once the second would expire what the
    -- first has just admitted.
    if v_derived is not null then
        perform pgdurable_engine.expire(array(
            select i.id
            from pgdurable_engine.invocation i
            where i.id = any (v_derived)
                and i.status = 'completed' and i.completed_at + make_interval(secs => i.retention) <= p_now
            order by i.id
            for update
        ));
    end if;

    -- What is there already, or comes twice, is not new.
    if v_different < cardinality(v_ids) or exists (
        select from pgdurable_engine.invocation i where i.id = any (v_ids)
    ) then
        v_new := pgdurable_engine.only_new(p_new);
        select
            array_agg(n.id) filter (where n.handler_type = 'exclusive' and n.delay is null),
            array_agg(n.id) filter (where n.delay is not null)
        into v_exclusive, v_delayed
        from unnest(v_new) n;
    end if;

    -- Whoever comes first to a free key holds it, the others wait.
    if v_exclusive is not null then
        with held as (
            insert into pgdurable_engine.key_holder (service, key, id)
            select distinct on (n.service, n.key) n.service, n.key, n.id
            from unnest(v_new) with ordinality n
            where n.id = any (v_exclusive)
            order by n.service, n.key, n.ordinality
            on conflict do nothing
            returning id
        )
        select array(select unnest(v_exclusive) except select h.id from held h) into v_inboxed;
    end if;

    with born as (
        insert into pgdurable_engine.invocation (
            id, service, handler, key, handler_type, status, caller_id, caller_index, origin, idempotency_key,
            retention, journal_retention, created_at, modified_at, inboxed_at, start_at, trace_parent
        )
        select
            n.id, n.service, n.handler, n.key, n.handler_type,
            case
                when n.delay is not null then 'scheduled'
                when n.id = any (v_inboxed) then 'inboxed'
                else 'invoked'
            end::pgdurable_engine.invocation_status,
            n.caller_id, n.caller_index, n.origin, n.idempotency_key, n.retention, n.journal_retention, p_now, p_now,
            case when n.id = any (v_inboxed) then p_now end, pgdurable_engine.later(p_now, n.delay), n.trace_parent
        from unnest(v_new) n
        order by n.id
        on conflict (id) do nothing
        returning id
    )
    select coalesce(array_agg(b.id), '{}') into admitted from born b;
    if cardinality(admitted) < cardinality(v_new) then
        v_new := array(select n from unnest(v_new) n where n.id = any (admitted));
    end if;

    insert into pgdurable_engine.journal (id, index, type, seen, outcome, value, detail, appended_at)
    select n.id, 0, 1024, 0, 'success', n.input, n.headers, p_now from unnest(v_new) n;

    if cardinality(v_inboxed) > 0 then
        insert into pgdurable_engine.inbox (service, key, seq, id, created_at)
        select
            n.service, n.key,
            coalesce((
                select max(x.seq) from pgdurable_engine.inbox x where x.service = n.service and x.key = n.key
            ), 0) + row_number() over (partition by n.service, n.key order by n.ordinality),
            n.id, p_now
        from unnest(v_new) with ordinality n
        where n.id = any (v_inboxed);
    end if;
    if v_delayed is not null then
        insert into pgdurable_engine.timer (fire_at, id, index, type)
        select pgdurable_engine.later(p_now, n.delay), n.id, 0, 'start' from unnest(v_new) n where n.delay is not null;
    end if;

    runnable := array(
        select n.id
        from unnest(v_new) with ordinality n
        where n.delay is null and n.id <> all (v_inboxed)
        order by n.ordinality
    );
end $$;

-- Those of p_new that are not there yet, each once, in their order.
create or replace function pgdurable_engine.only_new(p_new pgdurable_engine.submission[])
returns pgdurable_engine.submission[]
language sql stable
as $$
    select array(
        select s.new
        from (
            select distinct on (n.id)
                n.ordinality,
                row(
                    n.id, n.service, n.handler, n.key, n.handler_type, n.input, n.headers, n.idempotency_key, n.delay,
                    n.caller_id, n.caller_index, n.origin, n.retention, n.journal_retention, n.trace_parent
                )::pgdurable_engine.submission as new
            from unnest(p_new) with ordinality n
            where (select true from pgdurable_engine.invocation i where i.id = n.id) is null
            order by n.id, n.ordinality
        ) s
        order by s.ordinality
    )
$$;

-- A scheduled one is due: it takes its key or joins the inbox. The caller holds the key locks and the rows.
create or replace function pgdurable_engine.admit_due(p_ids uuid[], p_now timestamptz, out runnable uuid[])
language plpgsql
as $$
begin
    with due as (
        select i.id, i.service, i.key, i.handler_type, ids.ordinality
        from unnest(p_ids) with ordinality ids (id, ordinality)
        join pgdurable_engine.invocation i on i.id = any (array[ids.id])
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
        where i.id = any (array[d.id])
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
