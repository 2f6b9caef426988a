select count(*) as migrations from pgdurable_engine.migration
