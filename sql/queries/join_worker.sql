select pgdurable_engine.join_worker($1::uuid, $2::text, $3::text, $4::text[], $5::interval)
