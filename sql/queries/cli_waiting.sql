-- What is ready and has nobody to run it, by the deployment of which a worker is missing.
select x.deployment_id, count(*) as count
from (
    select pgdurable_engine.unserved(i.service, i.deployment_id) as deployment_id
    from pgdurable_engine.ready q join pgdurable_engine.invocation i on i.id = q.id
) x
where x.deployment_id is not null
group by 1
order by 1
