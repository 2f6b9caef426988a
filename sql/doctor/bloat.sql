-- Tables that are read all the time and are fuller of dead rows than of others.
select
    case when s.n_dead_tup > 1000000 then 'error' else 'warning' end as severity,
    format('%s has %s dead rows, and %s that live (%s)', s.relname, s.n_dead_tup, s.n_live_tup,
        pg_size_pretty(pg_total_relation_size(s.relid))) as what,
    format('whoever looks into it passes them; it was vacuumed last %s',
        coalesce('at ' || date_trunc('second', greatest(s.last_vacuum, s.last_autovacuum))::text, 'never')) as why,
    format('look for who holds the horizon, then: vacuum pgdurable_engine.%I', s.relname) as fix
from pg_stat_user_tables s
where s.schemaname = 'pgdurable_engine' and s.n_dead_tup > 50000 and s.n_dead_tup > s.n_live_tup / 2

union all

select
    'warning',
    format('%s takes %s for %s rows', s.relname, pg_size_pretty(pg_total_relation_size(s.relid)), s.n_live_tup),
    'it has been much larger, and does not shrink by itself',
    format('in a quiet moment, as it locks the table: vacuum full pgdurable_engine.%I', s.relname)
from pg_stat_user_tables s
where s.schemaname = 'pgdurable_engine'
    and s.relname in ('ready', 'running', 'key_holder', 'inbox', 'timer', 'failure', 'waiter')
    and pg_total_relation_size(s.relid) > 104857600 + s.n_live_tup * 2000 and s.n_dead_tup <= 50000
