"""Verbs want transactions that are read committed, which a database may not give by default.

A setting of the session would do, but a pooler gives sessions to others. So where PostgreSQL says that it is
not so, the statement is sent again in a transaction that says what it is: four round trips in place of one,
and only there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import psycopg
from psycopg import IsolationLevel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

NOT_READ_COMMITTED: Final = "PD005"


async def read_committed(connection: psycopg.AsyncConnection, send: Callable[[], Awaitable[T]]) -> T:
    """What ``send`` returns, on a connection that is in no transaction. Raises what psycopg raises."""
    try:
        return await send()
    except psycopg.Error as error:
        if error.sqlstate != NOT_READ_COMMITTED:
            raise
    await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
    async with connection.transaction():
        return await send()


def read_committed_blocking(connection: psycopg.Connection, send: Callable[[], T]) -> T:
    """As `read_committed`."""
    try:
        return send()
    except psycopg.Error as error:
        if error.sqlstate != NOT_READ_COMMITTED:
            raise
    connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
    with connection.transaction():
        return send()
