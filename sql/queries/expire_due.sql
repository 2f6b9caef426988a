select pgdurable_engine.expire_due($1::int) as expired
