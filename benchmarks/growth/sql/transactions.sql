-- So far, in the engine's database. Each of its calls is one, and so is each look of autovacuum.
select xact_commit + xact_rollback from pg_stat_database where datname = %s
