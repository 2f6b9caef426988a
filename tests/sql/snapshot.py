"""Writes sql/schema.snapshot.sql: what all of sql/ amounts to, so that a change shows in review.

    python -m tests.sql.snapshot [dsn]

Written from the catalogs by queries of our own rather than by pg_dump, whose text differs between versions.
Without a dsn a server is started for it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import psycopg

SNAPSHOT = Path(__file__).parents[2] / "sql" / "schema.snapshot.sql"
HEADER = "-- Written by `python -m tests.sql.snapshot`, compared by a test. Not run by anybody.\n"
SCHEMAS = "('pgdurable'::regnamespace, 'pgdurable_engine'::regnamespace)"

TYPES = f"""
    select format(
        e'create type %s as enum (%s);\\n', t.oid::regtype,
        string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
    )
    from pg_type t join pg_enum e on e.enumtypid = t.oid
    where t.typnamespace in {SCHEMAS}
    group by t.oid
    order by t.typname collate "C"
"""

COMPOSITES = f"""
    select format(
        e'create type %s as (\\n%s\\n);\\n', t.oid::regtype,
        string_agg(
            format('    %I %s', a.attname, format_type(a.atttypid, a.atttypmod)), e',\\n' order by a.attnum
        )
    )
    from pg_class c
    join pg_type t on t.oid = c.reltype
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace in {SCHEMAS} and c.relkind = 'c'
    group by t.oid, t.typname
    order by t.typname collate "C"
"""

TABLES = f"""
    select format(e'create table %s (\\n%s\\n)%s;\\n', c.oid::regclass, parts.text, (
        select ' with (' || string_agg(o, ', ' order by o collate "C") || ')' from unnest(c.reloptions) o
    ))
    from pg_class c
    cross join lateral (
        select string_agg(format('    %s', x.part), e',\\n' order by x.place, x.part collate "C") as text
        from (
            select
                a.attnum as place,
                format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
                    || case when a.attnotnull then ' not null' else '' end
                    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') as part
            from pg_attribute a
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            union all
            -- From 18 on a `not null` is a constraint of its own.
            select 10000, pg_get_constraintdef(o.oid)
            from pg_constraint o where o.conrelid = c.oid and o.contype <> 'n'
        ) x
    ) parts
    where c.relnamespace in {SCHEMAS} and c.relkind = 'r'
    order by c.relname collate "C"
"""

INDEXES = f"""
    select pg_get_indexdef(x.indexrelid) || ';'
    from pg_index x join pg_class c on c.oid = x.indexrelid
    where c.relnamespace in {SCHEMAS}
        and not exists (select from pg_constraint o where o.conindid = x.indexrelid)
    order by c.relname collate "C"
"""

FUNCTIONS = f"""
    select format(
        'create function %s(%s)%s language %s %s%s;', p.oid::regproc, pg_get_function_arguments(p.oid),
        coalesce(' returns ' || pg_get_function_result(p.oid), ''), l.lanname,
        case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
        case when p.proisstrict then ' strict' else '' end
    )
    from pg_proc p join pg_language l on l.oid = p.prolang
    where p.pronamespace in {SCHEMAS}
    order by p.pronamespace::regnamespace::text collate "C", p.proname collate "C", 1
"""

VIEWS = f"""
    select format(
        e'-- view %s\\n%s\\n', c.oid::regclass,
        string_agg(
            format('--     %s %s', a.attname, format_type(a.atttypid, a.atttypmod)), e'\\n' order by a.attnum
        )
    )
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    where c.relnamespace in {SCHEMAS} and c.relkind = 'v'
    group by c.oid, c.relname
    order by c.relname collate "C"
"""


def snapshot(connection: psycopg.Connection) -> str:
    connection.execute("set local search_path = pg_catalog")
    parts = [HEADER]
    for query in (TYPES, COMPOSITES, TABLES, INDEXES, FUNCTIONS, VIEWS):
        lines = [line for (line,) in connection.execute(query.encode()).fetchall()]
        parts.append("\n".join(lines).rstrip() + "\n")
    return "\n".join(parts)


def write(dsn: str) -> None:
    from pgdurable.store.migrate import migrate

    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        SNAPSHOT.write_text(snapshot(connection))


def main() -> None:
    if len(sys.argv) > 1:
        write(sys.argv[1])
        return
    from pgdurable.embedded import EmbeddedPostgres
    from tests.fixtures.postgres import free_port

    with (
        tempfile.TemporaryDirectory(prefix="pgdurable-snapshot-") as directory,
        EmbeddedPostgres(Path(directory) / "data", port=free_port()) as server,
    ):
        write(server.dsn())


if __name__ == "__main__":
    main()
