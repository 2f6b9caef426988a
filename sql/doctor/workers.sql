-- Work that nobody does: ready and without a worker that may take it, or ready for long.
with waiting as (
    select q.since, i.service, pgdurable_engine.unserved(i.service, i.deployment_id) as deployment_id
    from pgdurable_engine.ready q
    join pgdurable_engine.invocation i on i.id = q.id
)
select
    'error' as severity,
    format('%s invocations of %s are ready, and no worker of deployment %s lives', count(*),
        string_agg(distinct w.service, ', '), w.deployment_id) as what,
    'only code of that deployment may go on with them, or begin them while it is the latest' as why,
    format('start it (`pgdurable worker APP --deployment %s`), or move them: `pgdurable deployments describe %1$s`',
        w.deployment_id) as fix
from waiting w
where w.deployment_id is not null
group by w.deployment_id

union all

select
    'error', format('%s invocations of %s are ready, and nobody has ever served that', count(*), w.service),
    'there is no such service',  'start a worker that has it'
from waiting w
where w.deployment_id is null and not exists (
    select from pgdurable_engine.worker x where w.service = any (x.services)
)
group by w.service

union all

select
    'warning',
    format('%s invocations of %s have been ready for up to %s', count(*), w.service,
        date_trunc('second', pgdurable_engine.clock() - min(w.since))),
    'there are workers for them, and these are busy, or cannot keep up',
    'start more workers, or see with `pgdurable status` what they do'
from waiting w
where w.deployment_id is null and w.since < pgdurable_engine.clock() - interval '30 seconds'
    and exists (select from pgdurable_engine.worker x where w.service = any (x.services))
group by w.service

union all

select
    'warning', 'no process of pgdurable is running',
    'requests are not taken, timers do not fire, nothing is deleted', 'start one: `pgdurable worker APP`'
where not exists (
    select from pgdurable_engine.worker w where w.heartbeat_at + w.lease > pgdurable_engine.clock()
)
