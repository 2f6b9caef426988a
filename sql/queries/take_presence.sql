select pg_advisory_lock_shared(pgdurable_engine.presence_lock(%s::uuid))
