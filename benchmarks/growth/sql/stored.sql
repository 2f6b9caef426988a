-- Rows that the engine has, and the bytes they take with their indexes.
select
    sum(s.n_tup_ins - s.n_tup_del)::bigint as rows,
    sum(pg_total_relation_size(s.relid))::bigint as bytes
from pg_stat_user_tables s
where s.schemaname = 'pgdurable_engine'
