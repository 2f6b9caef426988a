select
    w.name, w.services, w.deployment_id, w.started_at, w.heartbeat_at,
    (select count(*) from pgdurable_engine.running r where r.owner = w.id) as running
from pgdurable_engine.worker w
where $1::text is null or w.deployment_id = $1
order by w.started_at
