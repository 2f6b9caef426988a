-- Verb 5, tick: what time brings. Everybody may call it at any time; every statement repeats what it relied on when it
-- chose its rows, since they may have moved on.

-- Due timers, at most p_limit. `next_at` is when the next one is due, of whatever process.
create or replace function pgdurable_engine.fire_timers(
    p_limit int default 500,
    out fired     int,
    out next_in   interval,
    out delivered pgdurable_engine.notification[],
    out hints     pgdurable_engine.hint[]
)
language plpgsql
as $$
declare
    v_now      timestamptz := pgdurable_engine.clock();
    v_due      pgdurable_engine.timer[];
    v_runnable uuid[] := '{}';
    v_ids      uuid[];
    v_hints    pgdurable_engine.hint[];
begin
    -- Keys before timers: of two that fire at once, one with a later timer of a key must not come first.
    perform pgdurable_engine.lock_keys(array(
        select pgdurable_engine.key_lock(i.service, i.key)
        from (
            select t.id, t.type from pgdurable_engine.timer t
            where t.fire_at <= v_now
            order by t.fire_at, t.id, t.index
            limit p_limit
        ) t
        join pgdurable_engine.invocation i on i.id = any (array[t.id])
        where t.type = 'start' and i.handler_type = 'exclusive'
    ));
    with due as materialized (
        select t.fire_at, t.id, t.index
        from pgdurable_engine.timer t
        where t.fire_at <= v_now
        order by t.fire_at, t.id, t.index
        limit p_limit
        for update skip locked
    ), gone as (
        delete from pgdurable_engine.timer t using due d
        where t.fire_at = any (array[d.fire_at]) and t.id = d.id and t.index = d.index
        returning t.*
    )
    select array_agg(g::pgdurable_engine.timer order by g.fire_at, g.id, g.index) into v_due from gone g;
    fired := coalesce(cardinality(v_due), 0);

    if fired > 0 then
        -- Where others had some of the first, later ones came in their place.
        perform pgdurable_engine.lock_keys(array(
            select pgdurable_engine.key_lock(i.service, i.key)
            from unnest(v_due) t join pgdurable_engine.invocation i on i.id = any (array[t.id])
            where t.type = 'start' and i.handler_type = 'exclusive'
        ));
        perform pgdurable_engine.lock_invocations(array(select t.id from unnest(v_due) t));

        select d.delivered, d.woken into delivered, v_ids
        from pgdurable_engine.deliver(array(
            select row(null, t.id, 1036, t.index, null, 'void', null)::pgdurable_engine.notice
            from unnest(v_due) with ordinality t where t.type = 'sleep' order by t.ordinality
        ), v_now) d;
        hints := pgdurable_engine.notified_hints(delivered, null);
        v_runnable := v_runnable || v_ids;

        v_runnable := v_runnable || pgdurable_engine.admit_due(
            array(select t.id from unnest(v_due) with ordinality t where t.type = 'start' order by t.ordinality), v_now
        );
        v_runnable := v_runnable || pgdurable_engine.retry_due(
            array(select t.id from unnest(v_due) t where t.type = 'retry'), v_now
        );
        if cardinality(v_runnable) > 0 then
            select p.hints into v_hints from pgdurable_engine.place(v_runnable, null, null, 0, 0, v_now) p;
            hints := hints || v_hints;
        end if;
    end if;
    next_in := (select min(t.fire_at) from pgdurable_engine.timer t) - pgdurable_engine.clock();
end $$;

create or replace function pgdurable_engine.retry_due(p_ids uuid[], p_now timestamptz) returns uuid[]
language sql
as $$
    with due as (
        update pgdurable_engine.failure f set next_retry_at = null
        where f.id = any (p_ids) and f.next_retry_at <= p_now
            and (select i.status from pgdurable_engine.invocation i where i.id = f.id) = 'invoked'
        returning f.id
    )
    select array_agg(d.id) from due d
$$;

-- Workers that are gone: silent for longer than their lease, or without their presence lock twice in a row. The second
-- is quicker, but after a restart of PostgreSQL nobody holds a lock, so then only the lease counts, as it does of one that
-- has no session to hold a lock in. What p_crashes of them have died of in a row is paused. While one is suspected, whoever
-- asked should look again soon.
create or replace function pgdurable_engine.reap_workers(
    p_patience interval default '300ms',
    p_crashes  int default 10,
    out reaped uuid[], out hints pgdurable_engine.hint[], out suspected boolean
)
language plpgsql
as $$
declare
    v_now     timestamptz := pgdurable_engine.clock();
    v_worker  pgdurable_engine.worker;
    v_gone    boolean;
    v_ids     uuid[] := '{}';
    v_heard   timestamptz[] := '{}';
    v_suspect uuid[] := '{}';
begin
    suspected := false;
    if not pg_try_advisory_xact_lock(9070, 1) then
        return;
    end if;
    for v_worker in select w.* from pgdurable_engine.worker w order by w.id loop
        v_gone := v_worker.heartbeat_at + v_worker.lease < v_now;
        if not v_gone and v_worker.present and v_worker.heartbeat_at > pg_postmaster_start_time() then
            if not pgdurable_engine.presence_free(v_worker.id) then
                continue;
            end if;
            v_gone := v_worker.suspected_at + p_patience < v_now;
            suspected := suspected or v_gone is not true;
            if v_worker.suspected_at is null then
                v_suspect := v_suspect || v_worker.id;
            end if;
        end if;
        if v_gone then
            v_ids := v_ids || v_worker.id;
            v_heard := v_heard || v_worker.heartbeat_at;
        end if;
    end loop;
    if cardinality(v_ids) > 0 then
        select e.ended, e.hints into reaped, hints from pgdurable_engine.end_workers(v_ids, v_heard, p_crashes) e;
    end if;
    -- At last, and whose row somebody else has is suspected the next time: so a registration, which takes rows of
    -- workers in order, waits for no suspect while this waits for one that is gone.
    update pgdurable_engine.worker w set suspected_at = v_now
    where w.id = any (array(
        select x.id from pgdurable_engine.worker x where x.id = any (v_suspect) for update skip locked
    ));
end $$;

-- Old results and journals, a stretch of the primary key at a time: plain ids are in time order, so p_after is a cursor
-- (null starts over) and everything younger than a minute is out of reach. Then what `expire_due` finds.
create or replace function pgdurable_engine.sweep(
    p_after uuid default null, p_limit int default 1000,
    out cursor uuid, out expired int
)
language plpgsql
as $$
declare
    v_now      timestamptz := pgdurable_engine.clock();
    v_old      uuid[];
    v_outlived uuid[];
    v_seen     uuid[];
begin
    with stretch as (
        select i.id, i.status, i.completed_at, i.retention, i.journal_retention, i.idempotency_key, i.handler_type
        from pgdurable_engine.invocation i
        where p_after is null or i.id > p_after
        order by i.id
        limit p_limit
    )
    select
        array_agg(s.id order by s.id),
        array_agg(s.id) filter (
            where s.status = 'completed' and s.idempotency_key is null and s.handler_type <> 'workflow'
                and s.completed_at + make_interval(secs => greatest(s.retention, 60)) <= v_now
        ),
        array_agg(s.id) filter (
            where s.status = 'completed' and s.idempotency_key is null and s.handler_type <> 'workflow'
                and s.journal_retention < s.retention
                and s.completed_at + make_interval(secs => greatest(s.journal_retention, 60)) <= v_now
        )
    into v_seen, v_old, v_outlived
    from stretch s;
    expired := pgdurable_engine.expire_completed(coalesce(v_old, '{}'));
    perform pgdurable_engine.expire_completed_journals(coalesce(v_outlived, '{}'));
    cursor := case when cardinality(v_seen) = p_limit then v_seen[p_limit] end;
    expired := expired + pgdurable_engine.expire_due(p_limit);
end $$;

-- What `finish` noted to go at a certain time, at most p_limit: derived ids, which are not in time order, and what is
-- kept for less than an hour, which a sweep may come too late for. Cheap, so it is asked for every minute.
create or replace function pgdurable_engine.expire_due(p_limit int default 1000) returns int
language plpgsql
as $$
declare
    v_now     timestamptz := pgdurable_engine.clock();
    v_due     uuid[];
    v_expired int;
begin
    with due as (
        delete from pgdurable_engine.expiry e
        where (e.expires_at, e.id) in (
            select x.expires_at, x.id from pgdurable_engine.expiry x
            where x.expires_at <= v_now order by x.expires_at, x.id limit p_limit
        )
        returning e.id
    )
    select coalesce(array_agg(d.id), '{}') into v_due from due d;
    v_expired := pgdurable_engine.expire_completed(v_due);
    perform pgdurable_engine.expire_completed_journals(v_due);
    return v_expired;
end $$;

-- Those of p_ids whose retention is over; an id may have been used again since.
create or replace function pgdurable_engine.expire_completed(p_ids uuid[]) returns int
language sql
as $$
    select pgdurable_engine.expire(array(
        select i.id from pgdurable_engine.invocation i
        where i.id = any (p_ids) and i.status = 'completed'
            and i.completed_at + make_interval(secs => i.retention) <= pgdurable_engine.clock()
        order by i.id
        for update skip locked
    ))
$$;

-- Those of p_ids whose result is kept for longer than their journal, and whose journal is over and still there.
create or replace function pgdurable_engine.expire_completed_journals(p_ids uuid[]) returns void
language sql
as $$
    select pgdurable_engine.expire_journals(array(
        select i.id from pgdurable_engine.invocation i
        where i.id = any (p_ids) and i.status = 'completed'
            and i.completed_at + make_interval(secs => i.journal_retention) <= pgdurable_engine.clock()
            and (select true from pgdurable_engine.journal j where j.id = i.id and j.index = 0)
        order by i.id
        for update skip locked
    ))
$$;
