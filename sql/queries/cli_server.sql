select
    current_setting('server_version') as server, current_database()::text as database, current_user::text as role,
    (select max(m.number) from pgdurable_engine.migration m) as schema_version,
    (select r.release from pgdurable_engine.repeatable r) as release
