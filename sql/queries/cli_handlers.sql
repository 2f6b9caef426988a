select h.name, h.type::text as type, h.public, h.definition::text as definition
from pgdurable_engine.handler h
where h.service = $1
order by h.name
