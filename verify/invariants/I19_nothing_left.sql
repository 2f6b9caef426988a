-- I19: nobody waits, holds or runs anything; no transaction is open, and no lock is held but those of presence.
with wrong as (
    -- First, so that sessions are looked at after locks: both are snapshots, and one that was idle before them and is
    -- idle after them holds its lock outside of a transaction.
    select format('%s holds an advisory lock', l.pid) as what
    from pg_locks l, lateral pg_stat_get_activity(l.pid) a
    where
        l.locktype = 'advisory' and a.application_name <> 'pgdurable heart' and a.state = 'idle'
        and a.state_change < statement_timestamp()
    union all
    select 'waiter of ' || w.id from pgdurable_engine.waiter w
    union all
    select format('%s of %s is in a transaction since %s', a.pid, a.application_name, a.xact_start)
    from pg_stat_activity a
    where a.datname = current_database() and a.pid <> pg_backend_pid() and a.xact_start < now() - interval '5 seconds'
    union all
    select 'timer of ' || t.id from pgdurable_engine.timer t
    join pgdurable_engine.invocation i on i.id = t.id
    where i.status = 'completed' and t.type <> 'sleep' and t.fire_at < pgdurable_engine.clock() - interval '5 seconds'
)
select (select count(*) from pg_stat_activity a where a.application_name like 'pgdurable %'), found.number, found.example
from (select count(*) as number, min(w.what) as example from wrong w) found;
