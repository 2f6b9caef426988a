select started from pgdurable_engine.claim($1::uuid, $2::text[], $3::int, $4::bigint, $5::pgdurable_engine.preload[])
