-- Verb 4, signal: from outside to a live invocation. Types:
--   notify   a result for a signal of it: an awakeable is a numbered signal
--   cancel   not begun: completed with 409 at once; else signal 1, which raises in the handler; wakes it from any wait
--   kill     it and the calls it waits for are completed with 409, wherever they are; what they held is given back
--   pause    running or about to: stops, until resumed
--   resume   paused, suspended or backing off: runs now
-- `answers` say what became of each, in order: accepted, done, completed (too late), not_running, not_found.

create or replace function pgdurable_engine.signal(
    p_signals pgdurable_engine.signal[],
    out answers   pgdurable_engine.answer[],
    out delivered pgdurable_engine.notification[],
    out hints     pgdurable_engine.hint[]
)
language plpgsql
as $$
declare
    v_now      timestamptz := pgdurable_engine.clock();
    v_kill     uuid[];
    v_taken    uuid[];
    v_locked   uuid[];
    v_finished pgdurable_engine.finish[];
    v_notices  pgdurable_engine.notice[];
    v_more     pgdurable_engine.notice[];
    v_runnable uuid[] := '{}';
    v_woken    uuid[];
    v_hints    pgdurable_engine.hint[];
begin
    perform pgdurable_engine.need_read_committed();
    select l.killed, l.locked into v_kill, v_locked from pgdurable_engine.lock_signalled(p_signals) l;

    answers := pgdurable_engine.signal_answers(p_signals);

    -- Pause first: whatever this batch makes runnable, runs.
    v_taken := array(
        select i.id
        from pgdurable_engine.invocation i
        where i.id = any (array(select s.id from unnest(p_signals) s where s.type = 'pause'))
            and i.id <> all (v_kill) and i.status = 'invoked'
    );
    perform pgdurable_engine.pin_running(v_taken || v_kill);
    if cardinality(v_taken) > 0 then
        select l.hints into hints from pgdurable_engine.leave(v_taken) l;
        update pgdurable_engine.invocation i set status = 'paused', modified_at = v_now where i.id = any (v_taken);
        update pgdurable_engine.failure f set next_retry_at = null where f.id = any (v_taken);
    end if;

    -- Those that end here and now.
    select array_agg(row(
        x.id, null, 'failure',
        convert_to(json_build_object('code', 409, 'message', x.message)::text, 'UTF8'), null
    )::pgdurable_engine.finish)
    into v_finished
    from (
        select i.id, 'killed' as message
        from pgdurable_engine.invocation i where i.id = any (v_kill) and i.status <> 'completed'
        union all
        select i.id, 'canceled'
        from pgdurable_engine.invocation i
        where i.id = any (array(select s.id from unnest(p_signals) s where s.type = 'cancel'))
            and i.id <> all (v_kill) and i.status in ('scheduled', 'inboxed')
    ) x;
    if v_finished is not null then
        select l.hints into v_hints from pgdurable_engine.leave(array(select f.id from unnest(v_finished) f)) l;
        hints := hints || v_hints;
        select f.notices, f.hints, f.promoted into v_notices, v_hints, v_runnable
        from pgdurable_engine.finish(v_finished, null, v_now) f;
        hints := hints || v_hints;
        perform pgdurable_engine.lock_latecomers(v_notices, v_locked);
    end if;

    -- Signals to those that live on.
    select array_agg(row(
        null, s.id, 31743,
        case when s.type = 'cancel' then 1 else s.index end, s.name,
        case when s.type = 'cancel' then 'void' else s.outcome end, s.value
    )::pgdurable_engine.notice order by s.ordinality)
    into v_more
    from unnest(p_signals) with ordinality s
    cross join lateral (select x.status from pgdurable_engine.invocation x where x.id = s.id offset 0) i
    where s.type = 'notify' or (s.type = 'cancel' and i.status in ('invoked', 'suspended', 'paused'));
    v_notices := v_notices || v_more;
    if cardinality(v_notices) > 0 then
        select d.delivered, d.woken into delivered, v_woken from pgdurable_engine.deliver(v_notices, v_now) d;
        hints := hints || pgdurable_engine.notified_hints(delivered, null);
    end if;

    -- Resume; a cancelled one that backs off does not wait for its next attempt.
    v_runnable := v_runnable || v_woken || pgdurable_engine.wake(
        array(select s.id from unnest(p_signals) s where s.type in ('cancel', 'resume')),
        array(select s.id from unnest(p_signals) s where s.type = 'resume'),
        v_now
    );

    if cardinality(v_runnable) > 0 then
        select p.hints into v_hints
        from pgdurable_engine.place(
            array(select distinct u from unnest(v_runnable) u), null, null, 0, 0, v_now
        ) p;
        hints := hints || v_hints;
    end if;
end $$;

create or replace function pgdurable_engine.signal_answers(p_signals pgdurable_engine.signal[])
returns pgdurable_engine.answer[]
language sql stable
as $$
    select array_agg(row(
        s.id,
        case
            when i.id is null then 'not_found'
            when i.status = 'completed' then 'completed'
            when s.type = 'kill' then 'done'
            when s.type = 'cancel' and i.status in ('scheduled', 'inboxed') then 'done'
            when s.type = 'pause' and i.status = 'paused' then 'done'
            when s.type = 'pause' and i.status <> 'invoked' then 'not_running'
            when s.type = 'resume' and i.status in ('scheduled', 'inboxed') then 'not_running'
            else 'accepted'
        end
    )::pgdurable_engine.answer order by s.ordinality)
    from unnest(p_signals) with ordinality s
    left join lateral (
        select x.id, x.status from pgdurable_engine.invocation x where x.id = s.id offset 0
    ) i on true
$$;

-- All that these signals need, in the order of 20_locks.sql. `killed`: those to kill with the calls that they wait for.
create or replace function pgdurable_engine.lock_signalled(
    p_signals pgdurable_engine.signal[], out killed uuid[], out locked uuid[]
)
language plpgsql
as $$
declare
    v_ids    uuid[] := array(select s.id from unnest(p_signals) s);
    v_kill   uuid[] := array(select s.id from unnest(p_signals) s where s.type = 'kill');
    v_pause  uuid[] := array(select s.id from unnest(p_signals) s where s.type = 'pause');
    v_cancel uuid[] := array(select s.id from unnest(p_signals) s where s.type = 'cancel');
    v_fenced uuid[];
begin
    killed := '{}';
    if cardinality(v_kill) = 0 and cardinality(v_pause) = 0 then
        locked := pgdurable_engine.lock_ending(v_ids, '{}', v_cancel);
        return;
    end if;
    loop
        begin
            select f.tree, f.fenced into killed, v_fenced from pgdurable_engine.fence_tree(v_kill, v_pause) f;
            locked := pgdurable_engine.lock_ending(v_ids, killed, v_cancel);
            exit when not pgdurable_engine.went_on(v_kill, v_pause, killed, v_fenced);
            raise sqlstate 'PD000';
        exception when sqlstate 'PD000' then
            null;  -- gives back the locks, so that they are taken in order again
        end;
    end loop;
end $$;

-- The keys of those that may end, then the rows of all and of whoever hears of it, which are returned.
create or replace function pgdurable_engine.lock_ending(p_ids uuid[], p_killed uuid[], p_cancelled uuid[])
returns uuid[]
language plpgsql
as $$
declare
    v_ending uuid[] := p_killed || p_cancelled;
    v_locked uuid[] := p_ids;
begin
    if cardinality(v_ending) > 0 then
        perform pgdurable_engine.lock_keys(array(
            select pgdurable_engine.key_lock(i.service, i.key)
            from pgdurable_engine.invocation i
            where i.handler_type = 'exclusive' and i.id = any (v_ending)
        ));
        v_locked := p_ids || pgdurable_engine.next_of_keys(p_killed) || pgdurable_engine.those_told(v_ending);
    end if;
    perform pgdurable_engine.lock_invocations(v_locked);
    return v_locked;
end $$;

-- The invocations to kill with the calls that they wait for. Their workers, and those of the paused, are fenced: nobody
-- below that runs can call anything any more.
create or replace function pgdurable_engine.fence_tree(
    p_kill uuid[], p_pause uuid[], out tree uuid[], out fenced uuid[]
)
language plpgsql
as $$
declare
    v_owners uuid[];
begin
    fenced := '{}';
    loop
        tree := pgdurable_engine.tree_of(p_kill);
        -- Nobody claims them from here on: a worker that did would run them without having been fenced.
        perform pgdurable_engine.lock_ready(tree || p_pause);
        v_owners := pgdurable_engine.owners_of(tree || p_pause, fenced);
        exit when cardinality(v_owners) = 0;
        perform pgdurable_engine.fence_workers(v_owners);
        fenced := fenced || v_owners;
    end loop;
end $$;

-- Whether one that nobody ran when its tree was fenced has been run since, while its row was being waited for: it was
-- woken, its time had come or its key was free, and a worker that is not fenced took it. With the rows of invocations
-- locked nothing becomes ready any more, and with those of `ready`, which are locked here, nobody claims what is.
create or replace function pgdurable_engine.went_on(p_kill uuid[], p_pause uuid[], p_tree uuid[], p_fenced uuid[])
returns boolean
language plpgsql
as $$
begin
    perform pgdurable_engine.lock_ready(p_tree || p_pause);
    return cardinality(pgdurable_engine.owners_of(p_tree || p_pause, p_fenced)) > 0
        or exists (select unnest(pgdurable_engine.tree_of(p_kill)) except select unnest(p_tree));
end $$;

create or replace function pgdurable_engine.tree_of(p_ids uuid[]) returns uuid[]
language sql
as $$
    with recursive tree (id) as (
        select u from unnest(p_ids) u
        union
        select i.id
        from tree t
        cross join lateral (
            select c.index, c.target_id from pgdurable_engine.journal c where c.id = t.id and c.type = 1037 offset 0
        ) j
        cross join lateral (
            select x.id from pgdurable_engine.invocation x
            where x.id = j.target_id and x.caller_id = t.id and x.caller_index = j.index
                and x.status <> 'completed'
            offset 0
        ) i
    )
    select coalesce(array_agg(t.id), '{}') from tree t
$$;

create or replace function pgdurable_engine.owners_of(p_ids uuid[], p_but uuid[]) returns uuid[]
language sql
as $$
    select array(
        select distinct r.owner from pgdurable_engine.running r where r.id = any (p_ids) and r.owner <> all (p_but)
    )
$$;

-- Off wherever they run or wait to run. The caller fenced the workers and holds keys and rows.
create or replace function pgdurable_engine.leave(p_ids uuid[], out hints pgdurable_engine.hint[])
language plpgsql
as $$
begin
    with stopped as (
        delete from pgdurable_engine.running r where r.id = any (p_ids) returning r.owner, r.id
    )
    select array_agg(row('abort', s.owner, null, s.id)::pgdurable_engine.hint) into hints from stopped s;
    -- Laterals keep the order of the joins: from the invocation to its row in tables that may be long.
    delete from pgdurable_engine.ready x where x.ctid = any (array(
        select r.ctid
        from unnest(p_ids) ids (id)
        cross join lateral (
            select pgdurable_engine.route(i.service, i.deployment_id) as route
            from pgdurable_engine.invocation i where i.id = ids.id and i.status = 'invoked'
            offset 0
        ) i
        cross join lateral (
            select q.ctid from pgdurable_engine.ready q where q.route = i.route and q.id = ids.id offset 0
        ) r
    ));
    delete from pgdurable_engine.inbox b where b.ctid = any (array(
        select w.ctid
        from unnest(p_ids) ids (id)
        cross join lateral (
            select i.service, i.key from pgdurable_engine.invocation i
            where i.id = ids.id and i.status = 'inboxed'
            offset 0
        ) i
        cross join lateral (
            select q.ctid from pgdurable_engine.inbox q
            where q.service = i.service and q.key = i.key and q.id = ids.id
            offset 0
        ) w
    ));
end $$;

create or replace function pgdurable_engine.lock_ready(p_ids uuid[]) returns void
language plpgsql
as $$
begin
    perform
    from unnest(p_ids) ids (id)
    cross join lateral (
        select pgdurable_engine.route(i.service, i.deployment_id) as route
        from pgdurable_engine.invocation i where i.id = ids.id and i.status = 'invoked'
        offset 0
    ) i
    cross join lateral (
        select q.id from pgdurable_engine.ready q where q.route = i.route and q.id = ids.id for update
    ) r;
end $$;

-- These, who may end, and whoever waits for them and is told in the same transaction.
create or replace function pgdurable_engine.those_told(p_ids uuid[]) returns uuid[]
language sql stable
as $$
    select p_ids
        || array(select i.caller_id from pgdurable_engine.invocation i where i.id = any (p_ids))
        || array(select w.waiter_id from pgdurable_engine.waiter w where w.id = any (p_ids))
$$;

-- Who may be promoted when these end: the heads of their keys' inboxes, which some of them may be in themselves.
create or replace function pgdurable_engine.next_of_keys(p_ids uuid[]) returns uuid[]
language sql stable
as $$
    select array(
        select b.id
        from (
            select distinct i.service, i.key
            from pgdurable_engine.invocation i
            where i.id = any (p_ids) and i.handler_type = 'exclusive'
        ) k
        cross join lateral (
            select q.id from pgdurable_engine.inbox q
            where q.service = k.service and q.key = k.key
            order by q.seq
            limit cardinality(p_ids) + 1
        ) b
    )
$$;

-- Runs now what backs off (p_backing_off) or is paused or suspended (p_aside).
create or replace function pgdurable_engine.wake(p_backing_off uuid[], p_aside uuid[], p_now timestamptz) returns uuid[]
language plpgsql
as $$
declare
    v_woken uuid[];
begin
    with aside as (
        update pgdurable_engine.invocation i set status = 'invoked', awaiting = null, modified_at = p_now
        where i.id = any (p_aside) and i.status in ('paused', 'suspended')
        returning i.id
    ), hurried as (
        update pgdurable_engine.failure f set next_retry_at = null
        where f.id = any (p_backing_off) and f.next_retry_at is not null
            and (select i.status from pgdurable_engine.invocation i where i.id = f.id) = 'invoked'
        returning f.id
    ), absolved as (
        delete from pgdurable_engine.crash c where c.id = any (p_aside)
    )
    select array_agg(x.id) into v_woken from (select a.id from aside a union select h.id from hurried h) x;
    return v_woken;
end $$;

-- A durable promise completed from outside: accepted, or completed when somebody was first.
create or replace function pgdurable_engine.complete_promise_outside(
    p_service text, p_key text, p_name text, p_outcome pgdurable_engine.outcome, p_value bytea,
    out result text, out hints pgdurable_engine.hint[]
)
language plpgsql
as $$
declare
    v_now       timestamptz := pgdurable_engine.clock();
    v_late      boolean;
    v_delivered pgdurable_engine.notification[];
    v_woken     uuid[];
    v_notices   pgdurable_engine.notice[];
    v_hints     pgdurable_engine.hint[];
begin
    perform pgdurable_engine.need_read_committed();
    insert into pgdurable_engine.promise (service, key, name) values (p_service, p_key, p_name) on conflict do nothing;
    select p.outcome is not null into v_late from pgdurable_engine.promise p
    where p.service = p_service and p.key = p_key and p.name = p_name
    for no key update;
    result := case when v_late then 'completed' else 'accepted' end;
    v_notices := pgdurable_engine.complete_promise(
        row(null, null, 1035, p_service, p_key, p_name, p_outcome, p_value)::pgdurable_engine.promise_use, v_late
    );
    perform pgdurable_engine.lock_invocations(array(select n.id from unnest(v_notices) n));
    select d.delivered, d.woken into v_delivered, v_woken from pgdurable_engine.deliver(v_notices, v_now) d;
    hints := pgdurable_engine.notified_hints(v_delivered, null);
    if v_woken is not null then
        select p.hints into v_hints from pgdurable_engine.place(v_woken, null, null, 0, 0, v_now) p;
        hints := hints || v_hints;
    end if;
end $$;
