-- Verb 3, apply: what the handlers that run on one worker did since the last call, in one transaction.
--
-- p_leases names every attempt that takes part. One whose lease is gone (killed, paused, taken over) is `fenced`:
-- nothing of it is written. Then, in this order: births, journal entries, promises, calls and sends, state, attaches,
-- notices, endings; at last whatever became runnable is placed. What is born here needs no lease: p_begun get one,
-- p_whole have completed already and are in no p_endings.
--
-- A lease with `after` is that of a follower (36_follow.sql). If one is not the next of its key, it is `refused`, and
-- nothing at all is written: the caller sends the batch again without it. So is a birth on a key (35_bear.sql) that
-- supposes in p_taken or p_reads what is not so.

create or replace function pgdurable_engine.apply(
    p_worker   uuid,
    p_leases   pgdurable_engine.lease[],
    p_entries  pgdurable_engine.entry[] default '{}',
    p_calls    pgdurable_engine.submission[] default '{}',
    p_state    pgdurable_engine.state_write[] default '{}',
    p_promises pgdurable_engine.promise_use[] default '{}',
    p_attaches pgdurable_engine.attach[] default '{}',
    p_notices  pgdurable_engine.notice[] default '{}',
    p_endings  pgdurable_engine.ending[] default '{}',
    p_room     int default 0,
    p_attempt  bigint default 0,
    p_preload pgdurable_engine.preload[] default '{}',
    p_begun    pgdurable_engine.birth[] default '{}',
    p_whole    pgdurable_engine.birth[] default '{}',
    p_taken    pgdurable_engine.key_taken[] default '{}',
    p_reads    pgdurable_engine.state_read[] default '{}',
    out refused   uuid[],
    out fenced    uuid[],
    out delivered pgdurable_engine.notification[],
    out started   pgdurable_engine.start[],
    out hints     pgdurable_engine.hint[]
)
language plpgsql
as $$
declare
    v_now      timestamptz := pgdurable_engine.clock();
    v_routes   text[];
    v_pin      text;
    v_notices  pgdurable_engine.notice[] := p_notices;
    v_finished pgdurable_engine.finish[];
    v_callers  uuid[] := '{}';  -- who wait for these
    v_keys     bigint[];
    v_locked   uuid[];
    v_runnable uuid[] := '{}';
    v_fresh    uuid[] := '{}';
    v_taken    uuid[];
    v_more     pgdurable_engine.notice[];
    v_ids      uuid[];
    v_hints    pgdurable_engine.hint[];
    v_news     pgdurable_engine.notification[];
    v_cancels  pgdurable_engine.signal[] := '{}';
    v_begun    uuid[] := '{}';  -- the followers
    v_ending   uuid[];  -- if there are any: who completes
begin
    select w.routes, w.pin into v_routes, v_pin from pgdurable_engine.enter_worker(p_worker) w;

    if cardinality(p_leases) > 0 then
        select
            array_agg(l.id) filter (where r.id is null and l.after is null),
            coalesce(array_agg(l.id) filter (where l.after is not null), '{}')
        into fenced, v_begun
        from unnest(p_leases) l
        left join pgdurable_engine.running r on r.id = any (array[l.id]) and r.owner = p_worker and r.attempt = l.attempt;
    end if;
    if fenced is not null then
        p_entries := array(select x from unnest(p_entries) x where x.id <> all (fenced));
        p_calls := array(select x from unnest(p_calls) x where x.caller_id <> all (fenced));
        p_state := array(select x from unnest(p_state) x where x.source <> all (fenced));
        p_promises := array(select x from unnest(p_promises) x where x.source <> all (fenced));
        p_attaches := array(select x from unnest(p_attaches) x where x.source <> all (fenced));
        v_notices := array(select x from unnest(p_notices) x where x.source <> all (fenced));
        p_endings := array(select x from unnest(p_endings) x where x.id <> all (fenced));
    end if;

    -- A cancellation is more than a signal for one that has not begun: it goes the way of those from outside.
    if cardinality(v_notices) > 0 then
        v_cancels := array(
            select row(n.id, 'cancel', null, null, null, null)::pgdurable_engine.signal
            from unnest(v_notices) with ordinality n
            where n.type = 31743 and n.index = 1 and n.id <> all (v_begun)
            order by n.ordinality
        );
        if cardinality(v_cancels) > 0 then
            v_notices := array(
                select row(n.source, n.id, n.type, n.index, n.name, n.outcome, n.value)::pgdurable_engine.notice
                from unnest(v_notices) with ordinality n
                where n.type <> 31743 or n.index is distinct from 1 or n.id = any (v_begun)
                order by n.ordinality
            );
        end if;
    end if;

    if cardinality(p_endings) > 0 then
        select
            array_agg(row(e.id, e.index, e.outcome, e.value, e.seen)::pgdurable_engine.finish),
            array_agg(pgdurable_engine.key_lock(i.service, i.key)) filter (where i.handler_type = 'exclusive'),
            array_agg(i.caller_id) filter (where i.caller_index is not null)
        into v_finished, v_keys, v_callers
        from unnest(p_endings) e
        join pgdurable_engine.invocation i on i.id = any (array[e.id])
        where e.type = 'complete';
    end if;

    if cardinality(p_taken) > 0 then
        v_keys := v_keys || array(select pgdurable_engine.key_lock(t.service, t.key) from unnest(p_taken) t);
    end if;
    if cardinality(p_calls) > 0 then
        v_keys := v_keys || array(
            select pgdurable_engine.key_lock(c.service, c.key) from unnest(p_calls) c where c.handler_type = 'exclusive'
        );
    end if;
    if cardinality(v_cancels) > 0 then
        v_keys := v_keys || array(
            select pgdurable_engine.key_lock(i.service, i.key)
            from unnest(v_cancels) c
            join pgdurable_engine.invocation i on i.id = any (array[c.id])
            where i.handler_type = 'exclusive'
        );
    end if;
    if cardinality(v_keys) > 0 then
        perform pgdurable_engine.lock_keys(v_keys);
    end if;

    if cardinality(p_taken) > 0 then
        refused := pgdurable_engine.refused_births(p_taken, p_reads);
        if refused is not null then
            return;
        end if;
    end if;
    if cardinality(v_begun) > 0 then
        v_ending := array(select e.id from unnest(p_endings) e where e.type = 'complete');
        refused := pgdurable_engine.refused_followers(p_worker, v_routes, p_leases, v_ending);
        if refused is not null then
            return;
        end if;
    end if;

    if cardinality(p_whole) > 0 then
        perform pgdurable_engine.bear_whole(p_whole, v_pin, v_now);
    end if;
    if cardinality(p_begun) > 0 then
        perform pgdurable_engine.bear(p_begun, p_worker, v_now);
    end if;

    if cardinality(p_entries) > 0 then
        perform pgdurable_engine.append(p_entries, v_now);
    end if;

    if cardinality(p_promises) > 0 then
        v_notices := v_notices || pgdurable_engine.use_promises(p_promises);
    end if;

    -- All rows at once, whatever they are wanted for below: in the order in which each is wanted, this batch and another
    -- one could wait for each other.
    if cardinality(p_endings) > 0 or cardinality(v_notices) > 0 or cardinality(v_cancels) > 0
        or cardinality(p_attaches) > 0 or exists (
            select from unnest(p_calls) c where c.idempotency_key is not null or c.handler_type = 'workflow'
        )
    then
        v_locked := v_begun || v_callers || array(select e.id from unnest(p_endings) e);
        if cardinality(v_notices) > 0 then
            v_locked := v_locked || array(select n.id from unnest(v_notices) n);
        end if;
        if v_finished is not null then
            v_locked := v_locked || array(
                select w.waiter_id
                from unnest(v_finished) f
                join pgdurable_engine.waiter w on w.id = any (array[f.id])
            );
        end if;
        if cardinality(p_attaches) > 0 then
            v_locked := v_locked || array(
                select x.id from unnest(p_attaches) a cross join lateral (values (a.source), (a.target_id)) x (id)
            );
        end if;
        if cardinality(p_calls) > 0 then
            v_locked := v_locked || array(
                select x.id from unnest(p_calls) c cross join lateral (values (c.caller_id), (c.id)) x (id)
                where c.idempotency_key is not null or c.handler_type = 'workflow'
            );
        end if;
        if cardinality(v_cancels) > 0 then
            v_locked := v_locked || pgdurable_engine.those_told(array(select c.id from unnest(v_cancels) c));
        end if;
        perform pgdurable_engine.lock_invocations(v_locked);
    end if;

    if cardinality(v_begun) > 0 then
        hints := pgdurable_engine.follow(p_worker, p_leases, v_ending, v_now);
    end if;

    if cardinality(p_calls) > 0 then
        select a.runnable, coalesce(a.admitted, '{}') into v_ids, v_fresh from pgdurable_engine.admit(p_calls, v_now) a;
        v_runnable := v_runnable || v_ids;
        if cardinality(v_fresh) < cardinality(p_calls) then
            v_notices := v_notices || pgdurable_engine.join_previous(p_calls, v_fresh);
        end if;
    end if;
    if cardinality(p_state) > 0 then
        perform pgdurable_engine.write_state(p_state);
    end if;
    if cardinality(p_attaches) > 0 then
        v_notices := v_notices || pgdurable_engine.attach(p_attaches);
    end if;

    if cardinality(v_cancels) > 0 then
        select s.delivered, s.hints into delivered, v_hints from pgdurable_engine.signal(v_cancels) s;
        hints := hints || v_hints;
    end if;

    if v_finished is not null then
        select f.notices, f.hints, f.promoted into v_more, v_hints, v_ids
        from pgdurable_engine.finish(v_finished, v_pin, v_now) f;
        hints := hints || v_hints;
        if cardinality(v_more) > 0 then
            perform pgdurable_engine.lock_latecomers(v_more, v_locked);
            v_notices := v_notices || v_more;
        end if;
        v_runnable := v_runnable || v_ids;
    end if;

    if cardinality(v_notices) > 0 then
        select d.delivered, d.woken into v_news, v_ids from pgdurable_engine.deliver(v_notices, v_now) d;
        v_runnable := v_runnable || v_ids;
        hints := hints || pgdurable_engine.notified_hints(v_news, p_worker);
        delivered := delivered || v_news;
    end if;

    -- After the deliveries: one that came in this very batch must not be slept over.
    if cardinality(p_endings) > coalesce(cardinality(v_finished), 0) then
        v_runnable := v_runnable || pgdurable_engine.set_aside(p_endings, v_pin, v_now);
    end if;

    if cardinality(v_runnable) > 0 then
        select p.taken, p.hints into v_taken, v_hints
        from pgdurable_engine.place(v_runnable, p_worker, v_routes, p_room, p_attempt, v_now) p;
        hints := hints || v_hints;
        if v_taken is null then
            null;
        elsif v_taken <@ v_fresh and cardinality(v_fresh) = cardinality(p_calls) and cardinality(p_preload) = 0 then
            started := pgdurable_engine.fresh_starts(p_calls, v_taken, p_attempt);  -- which nobody follows yet
        else
            started := pgdurable_engine.starts(v_taken, v_fresh, p_preload);
            started := started || pgdurable_engine.followers_of(started, v_fresh, v_routes);
        end if;
    end if;

    if cardinality(v_begun) > 0 then
        select started || pgdurable_engine.followers(array_agg(l.id), array_agg(l.wants), v_routes) into started
        from unnest(p_leases) l where l.wants is not null and l.id <> all (v_ending);
    end if;
end $$;

-- Journal entries; a sleep also sets its timer.
create or replace function pgdurable_engine.append(p_entries pgdurable_engine.entry[], p_now timestamptz) returns void
language plpgsql
as $$
begin
    insert into pgdurable_engine.journal (
        id, index, type, seen, name, target, target_id, wake_at, outcome, value, detail, appended_at
    )
    select
        e.id, e.index, e.type, e.seen, e.name, e.target, e.target_id, pgdurable_engine.later(p_now, e.delay), e.outcome,
        e.value, e.detail, p_now
    from unnest(p_entries) e;

    if exists (select from unnest(p_entries) e where e.type = 1036) then
        insert into pgdurable_engine.timer (fire_at, id, index, type)
        select pgdurable_engine.later(p_now, e.delay), e.id, e.index, 'sleep' from unnest(p_entries) e where e.type = 1036;
    end if;
end $$;

-- A call with an idempotency key, or of a workflow, that somebody made before: attach to it, or take its result.
-- A workflow's run is not attached to: its second call fails.
create or replace function pgdurable_engine.join_previous(p_calls pgdurable_engine.submission[], p_admitted uuid[])
returns pgdurable_engine.notice[]
language plpgsql
as $$
declare
    v_notices pgdurable_engine.notice[];
begin
    with calls as (
        select c.id, c.caller_id, c.caller_index, c.handler_type
        from unnest(p_calls) with ordinality c
        where c.caller_index is not null
            and (c.id <> all (p_admitted) or c.ordinality > (
                select min(x.ordinality) from unnest(p_calls) with ordinality x where x.id = c.id
            ))
    ), locked as (
        select i.id, i.status
        from pgdurable_engine.invocation i
        where i.id = any (array(select c.id from calls c))
        order by i.id
        for no key update
    ), waiting as (
        insert into pgdurable_engine.waiter (id, waiter_id, waiter_index, waiter_type)
        select c.id, c.caller_id, c.caller_index, 1037
        from calls c join locked l on l.id = c.id
        where l.status <> 'completed' and c.handler_type <> 'workflow'
    )
    select array_agg(row(
        c.caller_id, c.caller_id, 1037, c.caller_index, null,
        case when c.handler_type = 'workflow' then 'failure' else r.outcome end,
        case when c.handler_type = 'workflow'
            then convert_to('{"code":409,"message":"the workflow method was already invoked"}', 'UTF8')
            else r.value end
    )::pgdurable_engine.notice)
    into v_notices
    from calls c
    join locked l on l.id = c.id
    left join pgdurable_engine.results(array(select x.id from calls x)) r on r.id = c.id
    where c.handler_type = 'workflow' or l.status = 'completed';
    return coalesce(v_notices, '{}');
end $$;

create or replace function pgdurable_engine.write_state(p_state pgdurable_engine.state_write[]) returns void
language plpgsql
as $$
begin
    if exists (select from unnest(p_state) w where w.value is null) then
        delete from pgdurable_engine.state s using unnest(p_state) w
        where w.value is null and s.service = any (array[w.service]) and s.key = w.key
            and (w.name is null or s.name = w.name);
    end if;

    insert into pgdurable_engine.state (service, key, name, value)
    select w.service, w.key, w.name, w.value from unnest(p_state) w where w.value is not null
    on conflict (service, key, name) do update set value = excluded.value;
end $$;

-- Endings that are not completions: the attempt gives back its lease. Returns what is runnable at once: what is
-- released, and what would be suspended but for a notification that its handler has not seen. What has journaled
-- something, or waits, goes on where it began: it is pinned to p_pin. A failure before that may go on with other code.
create or replace function pgdurable_engine.set_aside(
    p_endings pgdurable_engine.ending[], p_pin text, p_now timestamptz
) returns uuid[]
language plpgsql
as $$
declare
    v_runnable uuid[];
begin
    select array_agg(e.id order by e.id) into v_runnable
    from unnest(p_endings) e
    join pgdurable_engine.invocation i on i.id = any (array[e.id])
    where e.type = 'release' or (e.type = 'suspend' and i.notified > e.seen);

    update pgdurable_engine.invocation i
    set status = case
            when e.type = 'pause' then 'paused'
            when e.type = 'suspend' and i.notified <= e.seen then 'suspended'
            else i.status
        end::pgdurable_engine.invocation_status,
        awaiting = case when e.type = 'suspend' and i.notified <= e.seen then e.awaiting end,
        running_at = coalesce(i.running_at, r.started_at),
        deployment_id = case when e.type = 'suspend' or e.index > 1 then coalesce(i.deployment_id, p_pin)
            else i.deployment_id end,
        modified_at = p_now
    from (select * from unnest(p_endings) u where u.type <> 'complete' order by u.id) e
    join pgdurable_engine.running r on r.id = any (array[e.id])
    where i.id = any (array[e.id]);

    delete from pgdurable_engine.running r using unnest(p_endings) e
    where r.id = any (array[e.id]) and e.type <> 'complete';

    -- Progress ends a row of failures.
    delete from pgdurable_engine.failure f using unnest(p_endings) e
    where f.id = any (array[e.id]) and e.type = 'suspend';

    insert into pgdurable_engine.timer (fire_at, id, index, type)
    select pgdurable_engine.later(p_now, coalesce(e.delay, '0')), e.id, e.index, 'retry'
    from unnest(p_endings) e where e.type = 'retry'
    on conflict do nothing;  -- resumed and failed again, to be tried at the very moment it was to be tried before

    insert into pgdurable_engine.failure (
        id, retry_count, journal_size, code, message, stacktrace, related_index, related_name, related_type,
        failing_since, failed_at, next_retry_at
    )
    select
        e.id, e.retry_count, e.index, e.code, e.message, e.stacktrace, e.related_index, e.related_name, e.related_type,
        p_now, p_now, case when e.type = 'retry' then pgdurable_engine.later(p_now, coalesce(e.delay, '0')) end
    from unnest(p_endings) e where e.type in ('retry', 'pause') and e.message is not null
    on conflict (id) do update set
        retry_count = excluded.retry_count, journal_size = excluded.journal_size, code = excluded.code,
        message = excluded.message, stacktrace = excluded.stacktrace, related_index = excluded.related_index,
        related_name = excluded.related_name, related_type = excluded.related_type,
        failing_since = case when excluded.retry_count <= 1 then excluded.failing_since else failure.failing_since end,
        failed_at = excluded.failed_at, next_retry_at = excluded.next_retry_at;

    insert into pgdurable_engine.event (id, after_index, appended_at, type, detail)
    select
        e.id, e.index - 1, p_now, case when e.type = 'pause' then 'Paused' else 'TransientError' end,
        json_strip_nulls(json_build_object(
            'error_code', e.code, 'error_message', e.message, 'error_stacktrace', e.stacktrace,
            'related_command_index', e.related_index, 'related_command_name', e.related_name,
            'related_command_type', pgdurable_engine.entry_type(e.related_type)
        ))::text
    from unnest(p_endings) e where e.type in ('retry', 'pause') and e.message is not null;
    return v_runnable;
end $$;

-- Whom to tell of notifications: the workers that run their invocations, but for the one that is just calling.
create or replace function pgdurable_engine.notified_hints(p_delivered pgdurable_engine.notification[], p_worker uuid)
returns pgdurable_engine.hint[]
language sql stable
as $$
    select array_agg(row('notified', r.owner, null, r.id)::pgdurable_engine.hint)
    from (select distinct d.id from unnest(p_delivered) d) d
    join pgdurable_engine.running r on r.id = any (array[d.id])
    where r.owner is distinct from p_worker
$$;
