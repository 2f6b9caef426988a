select pgdurable_engine.heartbeat(%s::uuid)
