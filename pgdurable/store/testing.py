"""What the test harness asks of a database: to move its clock, and statements that are no verbs."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from pgdurable.store.sql_files import sql_root

if TYPE_CHECKING:
    from datetime import datetime

    from pgdurable.store.lane import Lane


def execute_each(dsn: str, *statements: str) -> None:
    """Run statements one by one, each in a transaction of its own. Raises ``psycopg.Error``."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def database_exists(dsn: str, name: str) -> bool:
    """Whether the server has a database of this name. Raises ``psycopg.Error``."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(_text("testing", "database_exists").encode(), [name]).fetchone()
    return found is not None


def rename_database(dsn: str, name: str, new: str) -> None:
    """Rename a database that nobody is connected to, unless there is one of the new name already. Raises
    ``psycopg.Error``."""
    # Of two that rename at the same moment, neither sees the other's name: the index of names stops one.
    with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        execute_each(dsn, f"alter database {name} rename to {new}")


def install_clock(dsn: str) -> None:
    """Give a database a clock that can be set. It has no cost elsewhere: the function is replaced."""
    execute_each(dsn, _text("testing", "clock"))


def remove_clock(dsn: str) -> None:
    """Give a database its own clock back."""
    execute_each(dsn, _text("functions", "10_clock"), "drop schema if exists pgdurable_testing cascade")


async def set_clock(lane: Lane, held_at: datetime | None, ahead: float) -> None:
    """Hold the clock, or let it go ``ahead`` of the machine's by so many seconds. Raises a ``StoreError``."""
    await lane.row(_text("testing", "set_clock"), held_at, ahead)


def _text(folder: str, name: str) -> str:
    return (sql_root() / folder / f"{name}.sql").read_text(encoding="utf-8")
