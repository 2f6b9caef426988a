-- What time should have brought: timers that are due, dead workers that nobody has ended, retention that nobody keeps.
select
    case when min(t.fire_at) < pgdurable_engine.clock() - interval '1 minute' then 'error' else 'warning' end as severity,
    format('%s timers are overdue, the oldest by %s', count(*),
        date_trunc('second', pgdurable_engine.clock() - min(t.fire_at))) as what,
    'sleeps, delayed sends and retries do not go on: any process fires them, so none runs, or all are stuck' as why,
    'start one (`pgdurable worker APP`), or look into the logs of those that run' as fix
from pgdurable_engine.timer t
where t.fire_at < pgdurable_engine.clock() - interval '10 seconds'
having count(*) > 0

union all

select
    'error',
    format('worker %s has not been heard of for %s and still has %s invocations', w.name,
        date_trunc('second', pgdurable_engine.clock() - w.heartbeat_at),
        (select count(*) from pgdurable_engine.running r where r.owner = w.id)),
    'its lease is over and nobody has taken over: any process does that, so none runs',
    'start one: `pgdurable worker APP`'
from pgdurable_engine.worker w
where w.heartbeat_at + w.lease + interval '10 seconds' < pgdurable_engine.clock()

union all

select
    'warning',
    format('%s results are kept beyond their retention, the oldest for %s', count(*),
        date_trunc('second', pgdurable_engine.clock() - min(e.expires_at))),
    'what is past its retention is deleted by any process, every minute: the database grows meanwhile',
    'start one, or look into the logs of those that run'
from pgdurable_engine.expiry e
where e.expires_at < pgdurable_engine.clock() - interval '1 hour'
having count(*) > 0
