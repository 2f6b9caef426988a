select p.outcome::text as outcome, p.value
from pgdurable_engine.promise p
where p.service = $1 and p.key = $2 and p.name = $3 and p.outcome is not null
