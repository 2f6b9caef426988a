-- whereabouts
-- Which server process answers, of which database of which server, and how it isolates transactions.
select
    pg_backend_pid(), current_database()::text, pg_postmaster_start_time(),
    current_setting('default_transaction_isolation')
