-- composites
-- The types that rows are exchanged as, with their columns in order.
select t.typname::text, array_agg(a.attname::text order by a.attnum)
from pg_type t
join pg_attribute a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
where t.typnamespace = (select n.oid from pg_namespace n where n.nspname = 'pgdurable_engine') and t.typname = any ($1::text[])
group by t.typname
