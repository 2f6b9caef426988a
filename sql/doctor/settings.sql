-- Settings of PostgreSQL, as a connection to this database by this role gets them.
select x.severity, x.what, x.why, x.fix
from (
    -- Who asks has a timeout of its own; what counts is what a session begins with.
    select s.name, case when s.unit = 'ms' then s.reset_val::bigint end as ms, s.reset_val as setting from pg_settings s
) s
cross join lateral (
    values
        (s.name = 'fsync' and s.setting = 'off', 'error', 'fsync is off',
            'a crash of the machine may lose what was acknowledged, or the whole database',
            'alter system set fsync = on; select pg_reload_conf()'),
        (s.name = 'full_page_writes' and s.setting = 'off', 'error', 'full_page_writes is off',
            'a crash of the machine may leave pages of which one half is new',
            'alter system set full_page_writes = on; select pg_reload_conf()'),
        (s.name = 'synchronous_commit' and s.setting = 'off', 'error', 'synchronous_commit is off',
            'what was acknowledged in the last moments before a crash is lost',
            'alter role and alter database ... reset synchronous_commit, or alter system set it to on'),
        (s.name = 'autovacuum' and s.setting = 'off', 'error', 'autovacuum is off',
            'every step leaves dead rows, and nobody removes them',
            'alter system set autovacuum = on; select pg_reload_conf()'),
        (s.name = 'track_counts' and s.setting = 'off', 'error', 'track_counts is off',
            'autovacuum does not know what to do, and does nothing', 'alter system set track_counts = on'),
        (s.name = 'default_transaction_read_only' and s.setting = 'on', 'error', 'transactions are read-only by default',
            'nothing can be written', 'alter role and alter database ... reset default_transaction_read_only'),
        (s.name = 'default_transaction_isolation' and s.setting <> 'read committed', 'note',
            format('transactions are %s by default', s.setting),
            'pgdurable''s own are not; functions of pgdurable in your transactions may fail and want to be repeated',
            'repeat transactions that fail with 40001'),
        (s.name in ('statement_timeout', 'transaction_timeout') and s.ms between 1 and 29999,
            case when s.ms < 5000 then 'error' else 'warning' end, format('%s is %s ms', s.name, s.ms),
            'a batch that waits for a busy disk or a lock is cancelled, and sent again, and cancelled',
            format('alter role ... set %s = ''30s'', or 0: calls of pgdurable give up after 30 s themselves', s.name)),
        (s.name = 'lock_timeout' and s.ms between 1 and 999, 'warning', format('lock_timeout is %s ms', s.ms),
            'two batches that meet on one key wait for each other, and one is sent again',
            'alter role ... set lock_timeout = ''5s'', or 0'),
        (s.name = 'idle_session_timeout' and s.ms between 1 and 599999, 'warning',
            format('idle_session_timeout is %s ms', s.ms),
            'connections of an idle process are closed, also the one that listens, and are opened again',
            'alter role ... set idle_session_timeout = 0')
) x (holds, severity, what, why, fix)
where x.holds

union all

select 'error', 'this PostgreSQL is a standby', 'nothing can be written to it', 'connect to its primary'
where pg_is_in_recovery()

union all

select
    case when c.used + 12 > c.allowed then 'error' else 'warning' end,
    format('%s of the %s connections that there are for this role are taken', c.used, c.allowed),
    'a process of pgdurable holds up to 12, and one that starts or has lost them gets none; those that have them go on',
    'raise max_connections, or let your application share its own in a pool'
from (
    select
        (select count(*) from pg_stat_activity a where a.backend_type = 'client backend') as used,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0) as allowed
) c
where c.used + 12 > c.allowed or c.used > c.allowed * 0.85

union all

select
    case when q.usage > 0.5 then 'error' else 'warning' end,
    format('the queue of notifications is full to %s %%', round(q.usage::numeric * 100)),
    'a session that listens does not come to read them; when it is full, whoever notifies fails',
    'end sessions that LISTEN in a long transaction'
from (select pg_notification_queue_usage() as usage) q
where q.usage > 0.1

union all

select 'note', 'this role does not see what sessions of others do', 'who holds the horizon may be among them',
    format('grant pg_monitor to %I', current_user)
where not pg_has_role('pg_read_all_stats', 'usage')
