select count(*) from pgdurable_engine.invocation where status <> 'completed'
