select pgdurable_engine.join_worker($1::uuid, $2::text, $3::text, $4::boolean, $5::text[], $6::interval, $7::boolean)
