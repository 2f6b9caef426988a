-- Many invocations like the one that is there: all its rows, in whatever tables of the engine have them, under new ids.
-- Each is a millisecond older than the one before, in its id as in all its times. Whoever adds a table or a column need
-- not look here.
create function pg_temp.clone(p_id uuid, p_count int) returns void
language plpgsql
as $$
declare
    v_hex     constant text := replace(p_id::text, '-', '');
    v_table   regclass;
    v_columns text;
    v_values  text;
begin
    create temporary table clone on commit drop as
    select n, (
        lpad(to_hex(('x' || left(v_hex, 12))::bit(48)::bigint - n), 12, '0')  -- when
        || substr(v_hex, 13, 8) || lpad(to_hex(n), 12, '0')
    )::uuid as id
    from generate_series(p_count, 1, -1) n;

    for v_table, v_columns, v_values in
        select
            c.oid::regclass,
            string_agg(quote_ident(a.attname), ', ' order by a.attnum),
            string_agg(case
                when a.attname = 'id' then 'g.id'
                when a.attname = 'seq' then 'x.seq + g.n'
                when a.atttypid = 'timestamptz'::regtype then format('x.%I - g.n * interval ''1 ms''', a.attname)
                else format('x.%I', a.attname)
            end, ', ' order by a.attnum)
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        where c.relnamespace = 'pgdurable_engine'::regnamespace
            and c.relkind in ('r', 'p') and not c.relispartition
            and exists (
                select from pg_attribute i
                where i.attrelid = c.oid and i.attname = 'id' and i.atttypid = 'uuid'::regtype
            )
        group by c.oid
    loop
        execute format(
            'insert into %1$s (%2$s) select %3$s from %1$s x cross join pg_temp.clone g where x.id = $1',
            v_table, v_columns, v_values
        ) using p_id;
    end loop;
end $$;
