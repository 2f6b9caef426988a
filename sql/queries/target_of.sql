select i.service, i.handler from pgdurable_engine.invocation i where i.id = $1
