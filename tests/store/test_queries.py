"""Every statement of the engine is one that PostgreSQL takes, and the typed verbs read what it gives."""

from __future__ import annotations

from typing import Any

import asyncpg
import psycopg
import pytest

from pgdurable.store import rows
from pgdurable.store.lane import PLANS, pooled
from pgdurable.store.query import query
from pgdurable.store.sql_files import sql_root

NAMES = sorted(
    entry.name.removesuffix(".sql")
    for entry in (sql_root() / "queries").iterdir()
    if entry.name.endswith(".sql") and entry.name != "pooled.sql"  # which others are put into
)

# Columns of the statements that are read by name or position into a row class.
READ_AS: dict[str, tuple[str, ...]] = {
    "submit": rows.Submitted._fields,
    "apply": rows.Applied._fields,
    "fire_timers": rows.Fired._fields,
    "signal": rows.Signalled._fields,
    "await_result": rows.AwaitedRow._fields,
    "results": rows.ResultRow._fields,
    "handlers": rows.HandlerRow._fields,
    "notifications_after": tuple(
        "index" if field == "position" else field for field in rows.NotificationRow._fields
    ),
}


def placeholders_of_psycopg(text: str) -> bool:
    return "%s" in text or "%(" in text


@pytest.mark.parametrize("name", NAMES)
async def test_a_statement_can_be_prepared(dsn: str, name: str) -> None:
    text = query(name)
    if placeholders_of_psycopg(text):
        prepare_with_psycopg(dsn, text)
        return
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(dsn)
    try:
        prepared = await connection.prepare(text)
        columns = tuple(attribute.name for attribute in prepared.get_attributes())
        behind_a_pooler = await connection.prepare(pooled(text, PLANS))
        assert behind_a_pooler.get_attributes() == prepared.get_attributes()
        assert behind_a_pooler.get_parameters() == prepared.get_parameters()
    finally:
        await connection.close()
    assert columns == READ_AS.get(name, columns)


def prepare_with_psycopg(dsn: str, text: str) -> None:
    from psycopg._queries import PostgresQuery
    from psycopg.adapt import Transformer

    class Anything(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            return None

    with psycopg.connect(dsn) as connection:
        converted = PostgresQuery(Transformer(connection))
        args: Any = Anything() if "%(" in text else [None] * text.count("%s")
        converted.convert(text.encode(), args)
        result = connection.pgconn.prepare(b"", converted.query)
        assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, result.error_message.decode()


def test_a_statement_that_is_not_there_is_a_file_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        query("no_such_statement")
