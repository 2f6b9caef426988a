select f.service, f.key, f.state from pgdurable_engine.free_states($1::text[], $2::text[], $3::int) f
