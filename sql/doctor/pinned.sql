-- Deployments that are needed some day: they have begun what is not completed, and none of their workers lives.
select
    'warning' as severity,
    format('%s invocations that deployment %s has begun are not completed, and none of its workers lives', count(*),
        i.deployment_id) as what,
    'they sleep, wait or are paused now; when they may go on, only that code can go on with them' as why,
    format('keep a worker of it until they are done, or move them: `pgdurable deployments describe %s`', i.deployment_id)
        as fix
from pgdurable_engine.invocation i
where i.status <> 'completed' and i.deployment_id is not null
    and not exists (select from pgdurable_engine.worker w where w.deployment_id = i.deployment_id)
    and not exists (select from pgdurable_engine.ready q where q.id = i.id)
group by i.deployment_id

union all

select
    'warning', format('%s invocations are paused, such as %s', count(*),
        pgdurable.invocation_id((array_agg(i.id order by i.modified_at))[1])),
    'they failed too often, or somebody has paused them; those of an object hold their key meanwhile',
    'pgdurable inv list --status paused; pgdurable inv resume ID'
from pgdurable_engine.invocation i
where i.status = 'paused'
having count(*) > 0
