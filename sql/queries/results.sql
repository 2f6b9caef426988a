select id, outcome::text as outcome, value from pgdurable_engine.results($1::uuid[])
