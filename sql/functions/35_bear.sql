-- Births: a worker begins what its own clients ask for while it is being accepted, where nothing can stand in the way:
-- a handler of a service (no key to wait for, no state to read), under an id that nobody else has. Acceptance and all
-- that happened since are one commit, so an invocation that needs no second one is inserted as it ended, and is in
-- none of the tables of what goes on.

create or replace function pgdurable_engine.bear_whole(
    p_whole pgdurable_engine.birth[], p_pin text, p_now timestamptz
) returns void
language plpgsql
as $$
begin
    insert into pgdurable_engine.invocation (
        id, service, handler, handler_type, status, outcome, origin, deployment_id, retention, journal_retention,
        created_at, modified_at, running_at, completed_at, trace_parent
    )
    select
        b.id, b.service, b.handler, 'service', 'completed', b.outcome, b.origin, p_pin, b.retention,
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
        id, service, handler, handler_type, status, origin, retention, journal_retention, created_at, modified_at,
        trace_parent
    )
    select
        b.id, b.service, b.handler, 'service', 'invoked', b.origin, b.retention, b.journal_retention, p_now, p_now,
        b.trace_parent
    from unnest(p_begun) b;

    insert into pgdurable_engine.journal (id, index, type, seen, outcome, value, detail, appended_at)
    select b.id, 0, 1024, 0, 'success', b.input, b.headers, p_now from unnest(p_begun) b;

    insert into pgdurable_engine.running (id, owner, attempt, started_at)
    select b.id, p_worker, b.attempt, p_now from unnest(p_begun) b;
end $$;
