-- One that is in this status, to be cloned.
select id from pgdurable_engine.invocation where status::text = %s limit 1
