-- A hot key is drained by the worker that holds it. Beside what is leased to a worker it is shown the *followers* of the
-- key: the next in its inbox. It may run them ahead of their turn, each on the state that the one before has left, and
-- sends what came of them in the batch in which the one before completes. So one commit carries many.
--
-- Nothing is leased for that: a follower is in the inbox, and nobody's, until the one before has completed. So whoever
-- cancels it, stops the holder or takes over from its worker need not know of it. Whether the worker was right turns out
-- in `apply`, under the lock of the key: if a follower is not the next, nothing of the batch is written, and the worker
-- sends it again without what it has run in vain.

-- What comes after each of p_ids, which hold their keys: those behind p_after in its inbox, as many as one commit shall
-- carry, and with no more than a MiB of input in all. Only of what p_routes serve, since they begin where they are run.
create or replace function pgdurable_engine.followers(p_ids uuid[], p_after bigint[], p_routes text[])
returns pgdurable_engine.start[]
language sql stable
as $$
    select array_agg(row(
        f.id, null, f.service, f.handler, f.key, f.handler_type, f.idempotency_key, f.trace_parent, 0, 0, null,
        (select array_agg(j order by j.index) from pgdurable_engine.journal j where j.id = f.id),
        case when f.notified = 0 then null else (
            select array_agg(n order by n.seq) from pgdurable_engine.notification n where n.id = f.id
        ) end,
        null, false, f.seq
    )::pgdurable_engine.start order by h.ordinality, f.seq)
    from unnest(p_ids, p_after) with ordinality h (id, after, ordinality)
    join pgdurable_engine.invocation i on i.id = any (array[h.id])
    cross join lateral (
        select w.seq, x.id, x.service, x.handler, x.key, x.handler_type, x.idempotency_key, x.trace_parent, x.notified,
            sum((select octet_length(j.value) from pgdurable_engine.journal j where j.id = x.id and j.index = 0))
                over (order by w.seq) as size
        from (
            select b.seq, b.id from pgdurable_engine.inbox b
            where b.service = i.service and b.key = i.key and b.seq > h.after
            order by b.seq
            limit 64
        ) w
        join pgdurable_engine.invocation x on x.id = any (array[w.id])
    ) f
    where i.handler_type = 'exclusive' and f.size <= 1048576
        and pgdurable_engine.route(i.service, null) = any (p_routes)
$$;

-- Likewise of those that were just started and hold a key. Behind those in p_fresh, which have just found it free, is
-- nobody yet, or hardly anybody; and one whose process has died goes without (27_crashes.sql).
create or replace function pgdurable_engine.followers_of(
    p_started pgdurable_engine.start[], p_fresh uuid[], p_routes text[]
)
returns pgdurable_engine.start[]
language plpgsql stable
as $$
declare
    v_holders uuid[] := array(
        select s.id from unnest(p_started) s where s.handler_type = 'exclusive' and s.id <> all (p_fresh)
    );
begin
    if cardinality(v_holders) > 0 then
        v_holders := array(select h from unnest(v_holders) h where h <> all (pgdurable_engine.crashed(v_holders)));
    end if;
    if cardinality(v_holders) = 0 then
        return null;
    end if;
    return pgdurable_engine.followers(v_holders, array_fill(0::bigint, array[cardinality(v_holders)]), p_routes);
end $$;

-- Which of the followers in p_leases are not next, or are not to begin on this worker's code. One is next when it is at
-- its place in the inbox, and the attempt that it goes on from (`after`) completes with p_completing: the holder's for
-- the first of a key, then that of the follower before. The caller holds the key locks.
create or replace function pgdurable_engine.refused_followers(
    p_worker uuid, p_routes text[], p_leases pgdurable_engine.lease[], p_completing uuid[]
)
returns uuid[]
language sql stable
as $$
    select array_agg(f.id)
    from (
        select
            i.service, i.key, count(*) as length,
            array_agg(l.id order by l.ordinality) as ids,
            array_agg(l.attempt order by l.ordinality) as attempts,
            array_agg(l.after order by l.ordinality) as after,
            bool_and(pgdurable_engine.route(i.service, i.deployment_id) = any (p_routes)) as served
        from unnest(p_leases) with ordinality l
        left join pgdurable_engine.invocation i on i.id = any (array[l.id])
        where l.after is not null
        group by i.service, i.key
    ) c
    cross join lateral (
        select
            array(
                select b.id from pgdurable_engine.inbox b
                where b.service = c.service and b.key = c.key
                order by b.seq
                limit c.length
            ) as waiting,
            (
                select r.attempt
                from pgdurable_engine.key_holder h
                join pgdurable_engine.running r on r.id = any (array[h.id]) and r.owner = p_worker
                where h.service = c.service and h.key = c.key and h.id = any (p_completing)
            ) as holder
        offset 0
    ) k
    cross join lateral (
        select
            u.id,
            bool_and(coalesce(
                k.waiting[u.place] = u.id and c.after[u.place] = case
                    when u.place = 1 then k.holder
                    when c.ids[u.place - 1] = any (p_completing) then c.attempts[u.place - 1]
                end,
                false
            )) over (order by u.place rows unbounded preceding) as next
        from unnest(c.ids) with ordinality u (id, place)
    ) f
    where not (c.served and f.next)
$$;

-- Their turn has come: they leave the inbox, and the last of each key holds it. Those that do not complete at once are
-- running from now on. The caller has refused whoever is not next, and holds the key locks and the rows. `hints` tell
-- the worker of what they were sent while they waited.
create or replace function pgdurable_engine.follow(
    p_worker uuid, p_leases pgdurable_engine.lease[], p_completing uuid[], p_now timestamptz
)
returns pgdurable_engine.hint[]
language plpgsql
as $$
declare
    v_hints pgdurable_engine.hint[];
begin
    with followers as (
        select i.service, i.key, l.id, l.attempt, l.ordinality
        from unnest(p_leases) with ordinality l
        join pgdurable_engine.invocation i on i.id = any (array[l.id])
        where l.after is not null
    ), keys as (
        select f.service, f.key, count(*) as length, (array_agg(f.id order by f.ordinality desc))[1] as last
        from followers f
        group by f.service, f.key
    ), popped as (
        delete from pgdurable_engine.inbox b where b.ctid = any (array(
            select w.ctid
            from keys k
            cross join lateral (
                select x.ctid from pgdurable_engine.inbox x
                where x.service = k.service and x.key = k.key
                order by x.seq
                limit k.length
            ) w
        ))
    ), held as (
        update pgdurable_engine.key_holder h set id = k.last from keys k
        where h.service = any (array[k.service]) and h.key = k.key
    ), begun as (
        insert into pgdurable_engine.running (id, owner, attempt, started_at)
        select f.id, p_worker, f.attempt, p_now from followers f where f.id <> all (p_completing)
        returning id
    ), invoked as (
        update pgdurable_engine.invocation i set status = 'invoked', modified_at = p_now
        from (select b.id from begun b order by b.id) f
        where i.id = any (array[f.id])
        returning i.id, i.notified
    )
    select array_agg(row('notified', p_worker, null, i.id)::pgdurable_engine.hint) into v_hints
    from invoked i where i.notified > 0;
    return v_hints;
end $$;
