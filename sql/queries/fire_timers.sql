select fired, extract(epoch from next_in)::float8 as next_in, delivered, started, hints
from pgdurable_engine.fire_timers($1::int, $2::uuid, $3::text[], $4::int, $5::bigint)
