-- From runnable to running: what a worker may take itself it takes in the same transaction, the rest goes to `ready`.

-- What an attempt needs. For the ids in p_fresh the caller holds the input already, so no journal is read. Of the state
-- comes what the worker wants for this handler (p_preload), unless it is more than a MiB, where a value counts as its name
-- and 100 bytes more than it is: so of many small ones no more than 10,486 are looked at. The rest stays here and is
-- read name by name when the handler asks. Each case reads the rows it needs and no others: names are looked up one by
-- one, as PostgreSQL before 17 would rather read all of a key than `name = any (...)` of it.
create or replace function pgdurable_engine.starts(
    p_ids uuid[], p_fresh uuid[] default '{}', p_preload pgdurable_engine.preload[] default '{}'
)
returns pgdurable_engine.start[]
language sql stable
as $$
    select array_agg(row(
        i.id, r.attempt, i.service, i.handler, i.key, i.handler_type, i.idempotency_key, i.trace_parent,
        coalesce(f.retry_count, 0), coalesce(f.journal_size, 0),
        pgdurable_engine.clock() - f.failing_since,
        case when i.id = any (p_fresh) then null else (
            select array_agg(j order by j.index) from pgdurable_engine.journal j where j.id = i.id
        ) end,
        case when i.notified = 0 then null else (
            select array_agg(n order by n.seq) from pgdurable_engine.notification n where n.id = i.id
        ) end,
        case
            when i.key is null or not state.fits then null
            when state.names is null then array(
                select row(s.name, s.value)::pgdurable_engine.state_value
                from pgdurable_engine.state s where s.service = i.service and s.key = i.key
            )
            when cardinality(state.names) > 0 then array(
                select row(s.name, s.value)::pgdurable_engine.state_value
                from unnest(state.names) w (name)
                cross join lateral (
                    select x.name, x.value from pgdurable_engine.state x
                    where x.service = i.service and x.key = i.key and x.name = w.name
                    offset 0
                ) s
            )
        end,
        i.key is null or (state.fits and state.names is null), null
    )::pgdurable_engine.start order by ids.ordinality)
    from unnest(p_ids) with ordinality ids (id, ordinality)
    join pgdurable_engine.invocation i on i.id = any (array[ids.id])
    join pgdurable_engine.running r on r.id = any (array[ids.id])
    left join pgdurable_engine.failure f on f.id = any (array[ids.id])
    left join lateral (
        select wanted.names, 1048576 >= case
            when wanted.names is null then (
                select coalesce(sum(octet_length(s.name) + octet_length(s.value) + 100), 0)
                from (
                    select x.name, x.value from pgdurable_engine.state x
                    where x.service = i.service and x.key = i.key
                    limit 10486
                ) s
            )
            when cardinality(wanted.names) > 0 then (
                select coalesce(sum(octet_length(s.value)), 0)
                from unnest(wanted.names) w (name)
                cross join lateral (
                    select x.value from pgdurable_engine.state x
                    where x.service = i.service and x.key = i.key and x.name = w.name
                    offset 0
                ) s
            )
            else 0
        end as fits
        from (
            select (
                select p.names from unnest(p_preload) p where p.service = i.service and p.handler = i.handler
            ) as names
            offset 0
        ) wanted
    ) state on i.key is not null
$$;

-- The same for what the caller has just submitted itself, as attempts p_attempt, p_attempt + 1, ... in the order of
-- p_taken: there is nothing to read but state. Half of what `starts` costs for one, as most of that is to set it up.
create or replace function pgdurable_engine.fresh_starts(
    p_new pgdurable_engine.submission[], p_taken uuid[], p_attempt bigint
)
returns pgdurable_engine.start[]
language sql stable
as $$
    select array_agg(row(
        n.id, p_attempt + array_position(p_taken, n.id) - 1, n.service, n.handler, n.key, n.handler_type,
        n.idempotency_key, n.trace_parent, 0, 0, null, null, null,
        case when state.fits then array(
            select row(s.name, s.value)::pgdurable_engine.state_value
            from pgdurable_engine.state s where s.service = n.service and s.key = n.key
        ) end,
        n.key is null or state.fits, null
    )::pgdurable_engine.start)
    from unnest(p_new) n
    left join lateral (
        select coalesce(sum(octet_length(s.name) + octet_length(s.value) + 100), 0) <= 1048576 as fits
        from (
            select x.name, x.value from pgdurable_engine.state x
            where x.service = n.service and x.key = n.key
            limit 10486
        ) s
    ) state on n.key is not null
    where n.id = any (p_taken)
$$;

-- Invocations that may run now, in order. p_worker takes up to p_room of those whose route it serves, as attempts
-- p_attempt, p_attempt + 1, ...; the rest is put in `ready` and returned as one hint a route.
create or replace function pgdurable_engine.place(
    p_ids uuid[], p_worker uuid, p_routes text[], p_room int, p_attempt bigint, p_now timestamptz,
    out taken uuid[], out hints pgdurable_engine.hint[]
)
language plpgsql
as $$
begin
    if p_worker is not null and p_room > 0 then
        with mine as (
            select ids.id, ids.ordinality
            from unnest(p_ids) with ordinality ids (id, ordinality)
            join pgdurable_engine.invocation i on i.id = any (array[ids.id])
            where pgdurable_engine.route(i.service, i.deployment_id) = any (p_routes)
            order by ids.ordinality
            limit p_room
        ), leased as (
            insert into pgdurable_engine.running (id, owner, attempt, started_at)
            select m.id, p_worker, p_attempt + row_number() over (order by m.ordinality) - 1, p_now from mine m
            returning id, attempt
        )
        select array_agg(l.id order by l.attempt) into taken from leased l;
    end if;
    if cardinality(p_ids) > coalesce(cardinality(taken), 0) then
        with waiting as (
            insert into pgdurable_engine.ready (route, since, id)
            select pgdurable_engine.route(i.service, i.deployment_id), p_now, i.id
            from unnest(p_ids) with ordinality ids (id, ordinality)
            join pgdurable_engine.invocation i on i.id = any (array[ids.id])
            where taken is null or i.id <> all (taken)
            order by ids.ordinality
            returning route
        )
        select array_agg(row('route', null, w.route, null)::pgdurable_engine.hint)
        into hints
        from (select distinct route from waiting) w;
    end if;
end $$;
