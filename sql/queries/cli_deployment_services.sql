select
    r.service as name, r.definition ->> 'type' as type, r.number as revision,
    s.deployment_id = r.deployment_id as latest
from pgdurable_engine.revision r
join pgdurable_engine.service s on s.name = r.service
where r.deployment_id = $1
order by r.service
