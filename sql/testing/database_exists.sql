select from pg_catalog.pg_database d where d.datname = %s
