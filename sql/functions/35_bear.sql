-- Births: a worker begins what its own clients ask for while it is being accepted, under an id that nobody else has.
-- Acceptance and all that happened since are one commit, so an invocation that needs no second one is inserted as it
-- ended, and is in none of the tables of what goes on: it has never waited, nor held its key.
--
-- Nothing can stand in the way of a handler of a service. An exclusive handler of an object needs its key, and the state
-- behind it: the worker supposes that the key is free, and that the state is what it was when it last saw it; the next
-- one of the same key in the batch goes on from what the one before has left. Whether that was right turns out in
-- `apply`, under the lock of the key. Values are compared, so it does not matter who has changed them, or how: what was
-- given the same does the same.

-- Which births rest on something that is not so: whose key is held, or whose handler was given other state than there is.
-- The caller holds the key locks. With one, those that come after it on its key are wrong as well: the worker knows them.
create or replace function pgdurable_engine.refused_births(
    p_taken pgdurable_engine.key_taken[], p_reads pgdurable_engine.state_read[]
) returns uuid[]
language plpgsql stable
as $$
declare
    v_refused uuid[];
    v_more    uuid[];
begin
    select array_agg(t.id) into v_refused
    from unnest(p_taken) t
    join pgdurable_engine.key_holder h on h.service = any (array[t.service]) and h.key = t.key;

    select array_agg(r.id) into v_more
    from unnest(p_reads) r
    left join pgdurable_engine.state s on s.service = any (array[r.service]) and s.key = r.key and s.name = r.name
    where s.value is distinct from r.value
        or r.names <> array(
            select n.name from pgdurable_engine.state n
            where r.name is null and n.service = r.service and n.key = r.key
            order by n.name collate "C"
        );
    return v_refused || v_more;
end $$;

-- What a worker may suppose of keys: the state of each that is free. Null where it is held, or has more than p_most bytes.
create or replace function pgdurable_engine.free_states(
    p_services text[], p_keys text[], p_most int,
    out service text, out key text, out state pgdurable_engine.state_value[]
)
returns setof record
language sql stable
as $$
    select
        k.service, k.key,
        case when (
            select true from pgdurable_engine.key_holder h where h.service = k.service and h.key = k.key
        ) is null and p_most >= (
            select coalesce(sum(octet_length(s.name) + octet_length(s.value)), 0)
            from pgdurable_engine.state s where s.service = k.service and s.key = k.key
        ) then array(
            select row(s.name, s.value)::pgdurable_engine.state_value
            from pgdurable_engine.state s where s.service = k.service and s.key = k.key
        ) end
    from unnest(p_services, p_keys) k (service, key)
$$;

create or replace function pgdurable_engine.bear_whole(
    p_whole pgdurable_engine.birth[], p_pin text, p_now timestamptz
) returns void
language plpgsql
as $$
begin
    insert into pgdurable_engine.invocation (
        id, service, handler, key, handler_type, status, outcome, origin, deployment_id, retention, journal_retention,
        created_at, modified_at, running_at, completed_at, trace_parent
    )
    select
        b.id, b.service, b.handler, b.key, b.handler_type, 'completed', b.outcome, b.origin, p_pin, b.retention,
        b.journal_retention, p_now, p_now, p_now, p_now, b.trace_parent
    from unnest(p_whole) b;

    insert into pgdurable_engine.journal (id, index, type, seen, outcome, value, detail, appended_at)
    select b.id, x.index, x.type, x.seen, x.outcome, x.value, x.detail, p_now
    from unnest(p_whole) b
    cross join lateral (
        values
            (0, 1024::smallint, 0, 'success'::pgdurable_engine.outcome, b.input, b.headers),
            (b.index, 1025::smallint, b.seen, b.outcome, b.output, null)
    ) x (index, type, seen, outcome, value, detail);

    if exists (select from unnest(p_whole) b where b.retention < 3600 or b.journal_retention < 3600) then
        insert into pgdurable_engine.expiry (expires_at, id)
        select p_now + make_interval(secs => greatest(k.seconds, 60)), b.id
        from unnest(p_whole) b
        cross join lateral (
            select b.retention as seconds
            union
            select b.journal_retention
        ) k
        where b.retention < 3600 or b.journal_retention < 3600
        on conflict do nothing;
    end if;
end $$;

create or replace function pgdurable_engine.bear(
    p_begun pgdurable_engine.birth[], p_worker uuid, p_now timestamptz
) returns void
language plpgsql
as $$
begin
    insert into pgdurable_engine.invocation (
        id, service, handler, key, handler_type, status, origin, retention, journal_retention, created_at, modified_at,
        trace_parent
    )
    select
        b.id, b.service, b.handler, b.key, b.handler_type, 'invoked', b.origin, b.retention, b.journal_retention, p_now,
        p_now, b.trace_parent
    from unnest(p_begun) b;

    insert into pgdurable_engine.journal (id, index, type, seen, outcome, value, detail, appended_at)
    select b.id, 0, 1024, 0, 'success', b.input, b.headers, p_now from unnest(p_begun) b;

    insert into pgdurable_engine.running (id, owner, attempt, started_at)
    select b.id, p_worker, b.attempt, p_now from unnest(p_begun) b;

    if exists (select from unnest(p_begun) b where b.handler_type = 'exclusive') then
        insert into pgdurable_engine.key_holder (service, key, id)
        select b.service, b.key, b.id from unnest(p_begun) b where b.handler_type = 'exclusive';
    end if;
end $$;
