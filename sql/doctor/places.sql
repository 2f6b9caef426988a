-- What is invoked, waits or holds is in exactly one place, at every moment, in the midst of faults too: whatever this
-- finds is a fault of pgdurable. It looks at all that is not completed, so at a big database it takes a while.
with places as materialized (
    select x.id,
        count(*) filter (where x.place = 'ready') as ready,
        count(*) filter (where x.place = 'running') as running,
        count(*) filter (where x.place = 'backing off') as retried,
        count(*) filter (where x.place = 'inbox') as waiting,
        count(*) filter (where x.place = 'key') as held,
        count(*) filter (where x.place = 'start') as due
    from (
        select r.id, 'ready' as place from pgdurable_engine.ready r
        union all select r.id, 'running' from pgdurable_engine.running r
        union all select f.id, 'backing off' from pgdurable_engine.failure f where f.next_retry_at is not null
        union all select b.id, 'inbox' from pgdurable_engine.inbox b
        union all select h.id, 'key' from pgdurable_engine.key_holder h
        union all select t.id, 'start' from pgdurable_engine.timer t where t.type = 'start'
    ) x
    group by x.id
), unfinished as materialized (
    select i.id, i.status, i.handler_type, i.service, i.key,
        coalesce(p.ready, 0) as ready, coalesce(p.running, 0) as running, coalesce(p.retried, 0) as retried,
        coalesce(p.waiting, 0) as waiting, coalesce(p.held, 0) as held, coalesce(p.due, 0) as due
    from pgdurable_engine.invocation i
    left join places p on p.id = i.id
    where i.status <> 'completed'
), wrong as (
    select u.id, 'are invoked, and not in one place' as problem,
        format('ready %s, running %s, backing off %s', u.ready, u.running, u.retried) as detail
    from unfinished u where u.status = 'invoked' and u.ready + u.running + u.retried <> 1
    union all
    select u.id, 'are not invoked, and ready or running', format('%s: ready %s, running %s', u.status, u.ready, u.running)
    from unfinished u where u.status <> 'invoked' and u.ready + u.running <> 0
    union all
    select u.id, 'are in an inbox in vain, or should be in one', format('%s: %s times in an inbox', u.status, u.waiting)
    from unfinished u where u.waiting <> (u.status = 'inboxed')::int
    union all
    select u.id, 'are scheduled and have no timer', u.service
    from unfinished u where u.status = 'scheduled' and u.due <> 1
    union all
    select u.id, 'hold a key that they should not, or do not hold one that they should',
        format('%s of %s/%s: %s keys', u.status, u.service, u.key, u.held)
    from unfinished u
    where u.held <> (u.handler_type = 'exclusive' and u.status in ('invoked', 'suspended', 'paused'))::int
    union all
    select p.id, 'are over, and still hold something', concat_ws(', ',
        case when p.ready > 0 then 'ready' end, case when p.running > 0 then 'running' end,
        case when p.retried > 0 then 'backing off' end, case when p.waiting > 0 then 'in an inbox' end,
        case when p.held > 0 then 'a key' end)
    from places p
    where p.ready + p.running + p.retried + p.waiting + p.held > 0
        and not exists (select from unfinished u where u.id = p.id)
    union all
    select w.id, 'are over, and somebody still waits for them', coalesce(w.waiter_id, w.origin)::text
    from pgdurable_engine.waiter w
    where not exists (select from unfinished u where u.id = w.id)
    union all
    select b.id, 'wait for a key that nobody holds', format('%s/%s', b.service, b.key)
    from pgdurable_engine.inbox b
    where not exists (select from pgdurable_engine.key_holder h where h.service = b.service and h.key = b.key)
    union all
    select f.id, 'back off, and no timer says until when', f.next_retry_at::text
    from pgdurable_engine.failure f
    where f.next_retry_at is not null and not exists (
        select from pgdurable_engine.timer t where t.fire_at = f.next_retry_at and t.id = f.id and t.type = 'retry'
    )
    union all
    select r.id, 'run for a worker that is gone', r.owner::text
    from pgdurable_engine.running r
    where not exists (select from pgdurable_engine.worker w where w.id = r.owner)
)
select
    'error' as severity,
    format('%s invocations %s, such as %s (%s)', count(*), w.problem,
        pgdurable.invocation_id((array_agg(w.id order by w.id))[1]), (array_agg(w.detail order by w.id))[1]) as what,
    'the tables contradict each other: nothing will go on with these by itself' as why,
    'keep what `pgdurable inv describe ID` shows and report it; `pgdurable inv kill ID` gives back what it holds' as fix
from wrong w
group by w.problem
order by w.problem
