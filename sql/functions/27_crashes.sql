-- Poison: an invocation that kills its process each time. Its attempt is in `running` before any code of its handler
-- runs, so the death of a process counts for all that it ran: the one that did it, and its neighbours, as nothing tells
-- them apart. From then on they are suspects, until they come further or outlive the last crash by some seconds, which
-- counts from one again. Of several suspects that die with one process only who was begun last is blamed, as the process
-- had lived with the others: so those that the poison finds at work are let off, however often it finds them. And from
-- the second time on each is tried again after a time of its own, drawn at random from a span that doubles, so that they
-- are not begun together. Where they are, as all are due when workers come back late, none is paused for that. To be
-- paused, a neighbour would have to be begun between the poison's begin and its deed, time after time. These deaths are
-- not failures: retry_count does not know of them.
--
-- Nothing here is on a path that work takes: it costs something only when a process dies.

-- Notes that the processes of p_ids have died. Returns those that do not run again at once: they back off, or after as
-- many times as the handler has attempts, p_limit at most, they are paused. The caller has their rows, and those of
-- their workers, and takes them out of `running`.
create or replace function pgdurable_engine.count_crashes(p_ids uuid[], p_limit int, p_now timestamptz) returns uuid[]
language plpgsql
as $$
declare
    v_held uuid[];
begin
    delete from pgdurable_engine.crash c
    where not exists (
        select from pgdurable_engine.invocation i where i.id = any (array[c.id]) and i.status <> 'completed'
    );
    with stopped as (
        select
            r.id, r.owner, r.started_at, w.name as worker, j.size,
            least(p_limit, (h.definition -> 'options' -> 'retry_policy' ->> 'max_attempts')::int) as most,
            -- Where each attempt begins from the start, entries are no progress.
            case when (h.definition ->> 'explicit_recovery')::boolean then 0 else j.size + i.notified end as progress,
            greatest(coalesce(w.suspected_at, w.heartbeat_at), w.heartbeat_at, r.started_at) - r.started_at as lasted
        from unnest(p_ids) ids (id)
        join pgdurable_engine.running r on r.id = any (array[ids.id])
        join pgdurable_engine.worker w on w.id = any (array[r.owner])
        join pgdurable_engine.invocation i on i.id = any (array[ids.id])
        cross join lateral (
            select max(x.index) + 1 as size from pgdurable_engine.journal x where x.id = ids.id
        ) j
        left join pgdurable_engine.handler h on h.service = i.service and h.name = i.handler
        where i.status = 'invoked'
    ), suspected as (
        select s.*, coalesce(c.times, 0) as times, max(s.started_at) filter (where c.times > 0) over process as latest
        from stopped s
        left join pgdurable_engine.crash c
            on c.id = any (array[s.id]) and s.progress <= c.size and s.lasted <= 2 * c.lasted + interval '3 seconds'
        window process as (partition by s.owner)
    ), blamed as (
        select
            s.id, s.progress, s.lasted,
            case
                when s.times = 0 then 1
                when s.started_at < s.latest then s.times
                when count(*) filter (where s.times > 0 and s.started_at = s.latest) over (partition by s.owner) > 1 then
                    greatest(s.times, least(s.times + 1, s.most - 1))
                else s.times + 1
            end as times
        from suspected s
    ), counted as (
        insert into pgdurable_engine.crash as c (id, times, size, lasted, at)
        select b.id, b.times, b.progress, b.lasted, p_now from blamed b
        on conflict (id) do update set
            times = excluded.times, size = excluded.size, lasted = excluded.lasted, at = excluded.at
        returning c.id, c.times
    ), judged as (
        select
            c.id, c.times, s.worker, s.size, c.times >= s.most as poison, c.times > 1 or s.times > 0 as again,
            pgdurable_engine.later(
                p_now, make_interval(secs => random() * least(60, power(2, greatest(c.times - 1, 1))))
            ) as due
        from counted c
        join suspected s on s.id = c.id
    ), held as (
        select j.id, j.size, j.poison, case when not j.poison then j.due end as due,
            format('the process that ran it (%s) died', j.worker)
                || case when j.times > 1 then format(', as %s before it did', j.times - 1) else '' end
                || case when j.poison then '; mend what kills it, and resume it' else '' end as message
        from judged j
        where j.poison or j.again
    ), failed as (
        insert into pgdurable_engine.failure as f (
            id, retry_count, journal_size, code, message, failing_since, failed_at, next_retry_at
        )
        select h.id, 0, h.size, 500, h.message, p_now, p_now, h.due from held h
        on conflict (id) do update set
            code = excluded.code, message = excluded.message, stacktrace = null, related_index = null,
            related_name = null, related_type = null, failed_at = excluded.failed_at,
            next_retry_at = excluded.next_retry_at
    ), delayed as (
        insert into pgdurable_engine.timer (fire_at, id, index, type)
        select h.due, h.id, h.size, 'retry' from held h where not h.poison
        on conflict do nothing
    ), paused as (
        update pgdurable_engine.invocation i set status = 'paused', modified_at = p_now
        from (select h.id from held h where h.poison order by h.id) h
        where i.id = any (array[h.id])
    ), told as (
        insert into pgdurable_engine.event (id, after_index, appended_at, type, detail)
        select h.id, h.size - 1, p_now, 'Paused',
            json_build_object('error_code', 500, 'error_message', h.message)::text
        from held h where h.poison
    )
    select coalesce(array_agg(h.id), '{}') into v_held from held h;
    return v_held;
end $$;

-- Which of these have died with their process lately. They hold their keys without followers, since a follower that kills
-- the process was in no table that could tell: the holder would be taken for what its follower is.
create or replace function pgdurable_engine.crashed(p_ids uuid[]) returns uuid[]
language sql stable
as $$
    select array(select c.id from pgdurable_engine.crash c where c.id = any (p_ids))
$$;
