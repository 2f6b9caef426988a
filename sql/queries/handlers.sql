select
    s.name as service, s.type as service_type, s.deployment_id, s.public and h.public as public,
    h.name as handler, h.type::text as handler_type,
    s.definition::text as service_definition, h.definition::text as definition
from pgdurable_engine.service s
join pgdurable_engine.handler h on h.service = s.name
