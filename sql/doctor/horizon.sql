-- Who holds back the horizon: dead rows younger than the oldest snapshot stay, and the small tables that every step goes
-- through grow until each look into them takes as long as they have been held. From five minutes on it is worth a word, or
-- from what the setting pgdurable.oldest_transaction says.
with tolerated as (
    select coalesce(nullif(current_setting('pgdurable.oldest_transaction', true), ''), '5 minutes')::interval as oldest
)
select
    case when a.xact_start < now() - interval '1 hour' then 'error' else 'warning' end as severity,
    format('%s (pid %s, %s%s) has been in a transaction for %s', coalesce(nullif(a.application_name, ''), a.backend_type),
        a.pid, a.usename, coalesce(' at ' || host(a.client_addr), ''), date_trunc('second', now() - a.xact_start)) as what,
    'no row that died since can be removed: what is ready and running is found more slowly from minute to minute' as why,
    format('end that transaction; if need be: select pg_terminate_backend(%s)', a.pid) as fix
from pg_stat_activity a
where a.pid <> pg_backend_pid() and a.xact_start < now() - (select t.oldest from tolerated t)
    and (a.backend_xmin is not null or a.backend_xid is not null)
    and a.backend_type in ('client backend', 'walsender', 'background worker')
    and (a.datname = current_database() or a.backend_type = 'walsender')

union all

select
    case when p.prepared < now() - interval '1 hour' then 'error' else 'warning' end,
    format('the prepared transaction %L of %s waits since %s', p.gid, p.owner, date_trunc('second', p.prepared)),
    'it holds its locks, and no row that died since can be removed, until somebody ends it',
    format('commit prepared %L, or rollback prepared %1$L, in %s', p.gid, p.database)
from pg_prepared_xacts p
where p.prepared < now() - (select t.oldest from tolerated t)

union all

select
    case when greatest(age(s.xmin), age(s.catalog_xmin)) > 10000000 then 'error' else 'warning' end,
    format('the replication slot %s is %s and holds back %s transactions', s.slot_name,
        case when s.active then 'behind' else 'used by nobody' end, greatest(age(s.xmin), age(s.catalog_xmin))),
    'no row that died since can be removed, and the log is kept for it',
    format('connect what it is for, or drop it: select pg_drop_replication_slot(%L)', s.slot_name)
from pg_replication_slots s
where greatest(age(s.xmin), age(s.catalog_xmin)) > 100000
    or (not s.active and coalesce(s.xmin, s.catalog_xmin) is not null)
