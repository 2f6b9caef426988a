select started
from pgdurable_engine.claim($1::uuid, $2::int, $3::bigint, $4::pgdurable_engine.preload[], $5::float)
