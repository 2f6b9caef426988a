-- The end of an invocation, however it comes: the output is journaled, everything it held is given back, whoever waits
-- for the result is told, and the next in its key's inbox is promoted. The caller holds the key locks and the rows.

-- `notices` are for the caller to deliver, `hints` tell processes with waiting clients, `promoted` are runnable. p_pin
-- is the deployment they ended on, if it pins.
create or replace function pgdurable_engine.finish(
    p_finished pgdurable_engine.finish[], p_pin text, p_now timestamptz,
    out notices pgdurable_engine.notice[], out hints pgdurable_engine.hint[], out promoted uuid[]
)
language plpgsql
as $$
declare
    v_ids     uuid[];
    v_held    boolean;
    v_expires boolean;
begin
    with done as (
        update pgdurable_engine.invocation i
        set status = 'completed', outcome = f.outcome, awaiting = null, modified_at = p_now, completed_at = p_now,
            -- A follower that completes in the batch that begins it was never in `running`.
            running_at = coalesce(i.running_at, r.started_at, case when f.index is not null then p_now end),
            deployment_id = coalesce(i.deployment_id, p_pin)
        from (select * from unnest(p_finished) u order by u.id) f
        left join pgdurable_engine.running r on r.id = any (array[f.id])
        where i.id = any (array[f.id]) and i.status <> 'completed'
        returning i.id, i.handler_type, i.caller_id, i.caller_index, i.origin,
            i.idempotency_key is not null or i.handler_type = 'workflow'
                or i.retention < 3600 or i.journal_retention < 3600 as expires,
            coalesce(f.index, (select max(j.index) + 1 from pgdurable_engine.journal j where j.id = i.id)) as index,
            f.outcome, f.value, coalesce(f.seen, i.notified) as seen
    ), outputs as (
        insert into pgdurable_engine.journal (id, index, type, seen, outcome, value, appended_at)
        select d.id, d.index, 1025, d.seen, d.outcome, d.value, p_now from done d
    )
    select
        array_agg(d.id),
        bool_or(d.handler_type = 'exclusive'),
        bool_or(d.expires),
        array_agg(row(null, d.caller_id, 1037, d.caller_index, null, d.outcome, d.value)::pgdurable_engine.notice)
            filter (where d.caller_index is not null),
        array_agg(row('result', d.origin, null, d.id)::pgdurable_engine.hint) filter (where d.origin is not null)
    into v_ids, v_held, v_expires, notices, hints
    from done d;

    if v_ids is null then
        return;
    end if;
    delete from pgdurable_engine.running r where r.id = any (v_ids);
    delete from pgdurable_engine.failure f where f.id = any (v_ids);
    -- What few of them have, apart: in one statement with the rest, each of these would cost all of them.
    if v_expires then
        perform pgdurable_engine.note_expiry(v_ids, p_now);
    end if;
    if exists (select from pgdurable_engine.waiter w where w.id = any (v_ids)) then
        select finish.notices || t.notices, finish.hints || t.hints into notices, hints
        from pgdurable_engine.tell_waiters(p_finished, v_ids) t;
    end if;
    if v_held then
        promoted := pgdurable_engine.promote(v_ids, p_now);
    end if;
end $$;

-- When those of derived ids may go, and what is kept for less than an hour.
create or replace function pgdurable_engine.note_expiry(p_ids uuid[], p_now timestamptz) returns void
language sql
as $$
    insert into pgdurable_engine.expiry (expires_at, id)
    -- A minute is left to whoever waits for the result and was not told of it.
    select p_now + make_interval(secs => greatest(k.seconds, 60)), i.id
    from pgdurable_engine.invocation i
    cross join lateral (
        select i.retention as seconds
        union all
        select i.journal_retention where i.journal_retention < i.retention
    ) k
    where i.id = any (p_ids) and (
        i.idempotency_key is not null or i.handler_type = 'workflow'
        or i.retention < 3600 or i.journal_retention < 3600
    )
    on conflict do nothing
$$;

-- The results of those of p_finished that are p_ids, for others who wait for them; a process that has two clients who do
-- is told once.
create or replace function pgdurable_engine.tell_waiters(
    p_finished pgdurable_engine.finish[], p_ids uuid[],
    out notices pgdurable_engine.notice[], out hints pgdurable_engine.hint[]
)
language sql
as $$
    with told as (
        delete from pgdurable_engine.waiter w using unnest(p_finished) f
        where w.id = any (array[f.id]) and f.id = any (p_ids)
        returning w.id, w.waiter_id, w.waiter_index, w.waiter_type, w.origin, f.outcome, f.value
    )
    select
        array_agg(row(null, t.waiter_id, t.waiter_type, t.waiter_index, null, t.outcome, t.value)::pgdurable_engine.notice)
            filter (where t.waiter_id is not null),
        array_agg(distinct row('result', t.origin, null, t.id)::pgdurable_engine.hint) filter (where t.origin is not null)
    from told t
$$;

-- Each key held by one of these goes to the head of its inbox, or becomes free.
create or replace function pgdurable_engine.promote(p_ids uuid[], p_now timestamptz) returns uuid[]
language plpgsql
as $$
declare
    v_promoted uuid[];
begin
    with released as (
        select i.service, i.key, i.id
        from pgdurable_engine.invocation i
        join pgdurable_engine.key_holder h on h.service = any (array[i.service]) and h.key = i.key and h.id = i.id
        where i.id = any (p_ids) and i.handler_type = 'exclusive'
    ), heads as (
        select r.service, r.key, x.seq, x.id
        from released r
        left join lateral (
            select b.seq, b.id from pgdurable_engine.inbox b
            where b.service = r.service and b.key = r.key
            order by b.seq
            limit 1
        ) x on true
    ), popped as (
        delete from pgdurable_engine.inbox b using heads n
        where b.service = any (array[n.service]) and b.key = n.key and b.seq = n.seq
    ), freed as (
        delete from pgdurable_engine.key_holder h using heads n
        where h.service = any (array[n.service]) and h.key = n.key and n.id is null
    ), held as (
        update pgdurable_engine.key_holder h set id = n.id from heads n
        where h.service = any (array[n.service]) and h.key = n.key and n.id is not null
    ), invoked as (
        update pgdurable_engine.invocation i set status = 'invoked', modified_at = p_now
        from (select h.id from heads h where h.id is not null order by h.id) n
        where i.id = any (array[n.id])
        returning i.id
    )
    select array_agg(i.id) into v_promoted from invoked i;
    return v_promoted;
end $$;
