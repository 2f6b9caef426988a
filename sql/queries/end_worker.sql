select pgdurable_engine.end_worker($1::uuid) as hints
