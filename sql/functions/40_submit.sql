-- Verb 1, submit: new invocations from outside. The answer of a verb is committed before anybody acts on it.
--
--   select * from pgdurable_engine.submit(array[row(...)::pgdurable_engine.submission]);
--
-- The id is the deduplication: the same id twice is the same invocation, which also makes a retried submit harmless.
-- A worker that submits passes itself and how many attempts it has room for, and gets those it may start at once.
-- `admissions` come in the order of p_new.

create or replace function pgdurable_engine.submit(
    p_new     pgdurable_engine.submission[],
    p_worker  uuid default null,
    p_room    int default 0,
    p_attempt bigint default 0,
    p_preload pgdurable_engine.preload[] default '{}',
    out admissions pgdurable_engine.admission[],
    out started    pgdurable_engine.start[],
    out hints      pgdurable_engine.hint[]
)
language plpgsql
as $$
declare
    v_now      timestamptz := pgdurable_engine.clock();
    v_routes   text[];
    v_admitted uuid[];
    v_runnable uuid[];
    v_taken    uuid[];
begin
    if p_worker is not null then
        select w.routes into v_routes from pgdurable_engine.enter_worker(p_worker) w;
    end if;
    -- A delayed one takes its key or joins the inbox when it is due.
    perform pgdurable_engine.lock_keys(array(
        select pgdurable_engine.key_lock(s.service, s.key)
        from unnest(p_new) s
        where s.handler_type = 'exclusive' and s.delay is null
    ));

    select a.admitted, a.runnable into v_admitted, v_runnable from pgdurable_engine.admit(p_new, v_now) a;

    if cardinality(v_runnable) > 0 then
        select p.taken, p.hints into v_taken, hints
        from pgdurable_engine.place(v_runnable, p_worker, v_routes, p_room, p_attempt, v_now) p;
        if v_taken is not null then
            if cardinality(p_preload) = 0 and cardinality(v_admitted) = cardinality(p_new) then
                started := pgdurable_engine.fresh_starts(p_new, v_taken, p_attempt);
            else
                started := pgdurable_engine.starts(v_taken, v_taken, p_preload);
            end if;
            if cardinality(v_runnable) < cardinality(v_admitted) then
                started := started || pgdurable_engine.followers_of(started, '{}', v_routes);
            end if;
        end if;
    end if;

    if coalesce(cardinality(v_admitted), 0) = cardinality(p_new) then
        admissions := array(select row(s.id, false, null, null)::pgdurable_engine.admission from unnest(p_new) s);
    else
        admissions := pgdurable_engine.attach_previous(p_new, coalesce(v_admitted, '{}'));
    end if;
end $$;

-- Some were there before: their clients wait for the same result, or get it now.
create or replace function pgdurable_engine.attach_previous(p_new pgdurable_engine.submission[], p_admitted uuid[])
returns pgdurable_engine.admission[]
language plpgsql
as $$
begin
    perform pgdurable_engine.lock_invocations(array(
        select s.id from unnest(p_new) s where s.origin is not null and s.id <> all (p_admitted)
    ));
    insert into pgdurable_engine.waiter (id, origin)
    select distinct s.id, s.origin
    from unnest(p_new) s
    join pgdurable_engine.invocation i on i.id = any (array[s.id])
    where s.origin is not null and s.id <> all (p_admitted) and i.status <> 'completed';

    return array(
        select row(
            s.id,
            s.id <> all (p_admitted)
                or s.ordinality > (select min(x.ordinality) from unnest(p_new) with ordinality x where x.id = s.id),
            r.outcome, r.value
        )::pgdurable_engine.admission
        from unnest(p_new) with ordinality s
        left join pgdurable_engine.results(array(select x.id from unnest(p_new) x)) r on r.id = s.id
        order by s.ordinality
    );
end $$;

-- The results of those that are completed.
create or replace function pgdurable_engine.results(
    p_ids uuid[], out id uuid, out outcome pgdurable_engine.outcome, out value bytea
)
returns setof record
language sql stable
as $$
    select i.id, j.outcome, j.value
    from (select distinct u as id from unnest(p_ids) u) ids
    join pgdurable_engine.invocation i on i.id = any (array[ids.id])
    join lateral (
        select x.outcome, x.value from pgdurable_engine.journal x where x.id = i.id order by x.index desc limit 1
    ) j on true
    where i.status = 'completed'
$$;

-- A process wants the result of an invocation that others submitted: it is told when there is one.
-- `status` is null where there is no such invocation.
create or replace function pgdurable_engine.await_result(
    p_id uuid, p_origin uuid,
    out status pgdurable_engine.invocation_status, out handler_type pgdurable_engine.handler_type,
    out idempotent boolean, out outcome pgdurable_engine.outcome, out value bytea
)
language plpgsql
as $$
begin
    if p_origin is not null then
        perform pgdurable_engine.lock_invocations(array[p_id]);
    end if;
    select i.status, i.handler_type, i.idempotency_key is not null, r.outcome, r.value
    into status, handler_type, idempotent, outcome, value
    from pgdurable_engine.invocation i
    left join pgdurable_engine.results(array[p_id]) r on r.id = i.id
    where i.id = p_id;
    if p_origin is not null and status <> 'completed' then
        insert into pgdurable_engine.waiter (id, origin) values (p_id, p_origin);
    end if;
end $$;
