-- Verb 2, claim: ready -> running, at most p_room, oldest first over all routes that the worker serves. One round trip
-- brings everything needed to run, and the followers of the keys that were taken (36_follow.sql). Only `ready` is looked
-- at, so whatever waits elsewhere costs nothing here.
--
-- What was claimed is dead, and in the way of whoever begins at the oldest, until vacuum may remove it, which a transaction
-- that is held open forbids: the scan then gets longer with every invocation. So a worker that has just taken all there
-- was looks only at what has become ready in the last p_within seconds, and now and then at everything.

create or replace function pgdurable_engine.claim(
    p_worker uuid, p_room int, p_attempt bigint, p_preload pgdurable_engine.preload[] default '{}',
    p_within float default 'infinity',
    out started pgdurable_engine.start[]
)
language plpgsql
as $$
declare
    v_now    timestamptz := pgdurable_engine.clock();
    v_since  timestamptz := '-infinity';
    v_routes text[];
    v_ids    uuid[];
begin
    if p_within < 'infinity' then
        v_since := v_now - make_interval(secs => p_within);
    end if;
    select w.routes into v_routes from pgdurable_engine.enter_worker(p_worker) w;
    with heads as materialized (
        select h.route, h.since, h.id
        from unnest(v_routes) r (route)
        cross join lateral (
            select x.route, x.since, x.id
            from pgdurable_engine.ready x
            where x.route = r.route and x.since >= v_since
            order by x.since, x.id
            limit p_room
            for update skip locked
        ) h
    ), chosen as (
        select h.route, h.since, h.id from heads h order by h.since, h.id limit p_room
    ), taken as (
        delete from pgdurable_engine.ready x using chosen c
        where x.route = any (array[c.route]) and x.since = c.since and x.id = c.id
        returning x.id, x.since
    ), leased as (
        insert into pgdurable_engine.running (id, owner, attempt, started_at)
        select t.id, p_worker, p_attempt + row_number() over (order by t.since, t.id) - 1, v_now from taken t
        returning id, attempt
    )
    select array_agg(l.id order by l.attempt) into v_ids from leased l;

    if v_ids is not null then
        started := pgdurable_engine.starts(v_ids, '{}', p_preload);
        started := started || pgdurable_engine.followers_of(started, '{}', v_routes);
    end if;
end $$;

-- What a running attempt has not heard of yet, for attempts in memory.
create or replace function pgdurable_engine.notifications_after(p_ids uuid[], p_seqs int[])
returns setof pgdurable_engine.notification
language sql stable
as $$
    select n.*
    from unnest(p_ids, p_seqs) a (id, seq)
    join pgdurable_engine.notification n on n.id = any (array[a.id]) and n.seq > a.seq
    order by n.id, n.seq
$$;
