-- I19: nobody waits, holds or runs anything; no transaction is open, and no lock is held but those of presence.
with wrong as (
    select 'waiter of ' || w.id as what from pgdurable_engine.waiter w
    union all
    select format('%s of %s is in a transaction since %s', a.pid, a.application_name, a.xact_start)
    from pg_stat_activity a
    where a.datname = current_database() and a.pid <> pg_backend_pid() and a.xact_start < now() - interval '5 seconds'
    union all
    select format('%s holds an advisory lock', l.pid)
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and a.application_name <> 'pgdurable heart' and a.state = 'idle'
    union all
    select 'timer of ' || t.id from pgdurable_engine.timer t
    join pgdurable_engine.invocation i on i.id = t.id
    where i.status = 'completed' and t.type <> 'sleep' and t.fire_at < pgdurable_engine.clock() - interval '5 seconds'
)
select
    (select count(*) from pg_stat_activity a where a.application_name like 'pgdurable %'),
    (select count(*) from wrong),
    (select min(w.what) from wrong w);
