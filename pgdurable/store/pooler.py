"""Finds out, when a process starts, whether a pooler stands between it and PostgreSQL, and of which kind.

A server tells each connection its process id, with the key by which its calls are cancelled; a pooler hands
out keys of its own. So where the two differ there is a pooler, which costs one question to know. Then two
connections are asked in turn which process answers them: in session mode each has one to itself.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pgdurable.store.errors import PoolerUnfit, translate
from pgdurable.store.lane import BROKEN, connect
from pgdurable.store.query import query

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    import asyncpg

    from pgdurable.store.access import Access

    Connection = asyncpg.Connection[asyncpg.Record]

log = logging.getLogger("pgdurable.store")

Pooling = Literal["none", "session", "transaction"]

QUESTIONS: Final = 8
"""To each of two connections: in transaction mode the same two processes would have to answer each time."""


class Whereabouts(NamedTuple):
    """What answers."""

    pid: int
    database: str
    started_at: datetime
    isolation: str


async def explored(access: Access, lease: float) -> Access:
    """``access``, with what was found out. Says in one line of the log what a pooler costs.

    Raises :exc:`Unavailable`, and :exc:`PoolerUnfit` where pgdurable cannot work through what there is.
    """
    pooling, where = await pooling_of(access.dsn)
    if access.listen_dsn is not None:
        await _require_direct(access.listen_dsn, where)
    if pooling == "none":
        return access
    if where.isolation != "read committed":
        raise PoolerUnfit(
            f"transactions are {where.isolation} by default, which pgdurable cannot change behind a pooler: "
            "alter role ... set default_transaction_isolation = 'read committed'"
        )
    found = replace(access, pooled=True)
    if pooling == "session":
        log.info("a pooler in session mode is between here and PostgreSQL")
        return replace(found, listen_dsn=access.listen_dsn or access.dsn)
    if found.session_dsn is not None:
        log.info("a pooler in transaction mode is between here and PostgreSQL; --listen-dsn leads around it")
    else:
        log.warning(
            "a pooler in transaction mode is between here and PostgreSQL, and no --listen-dsn leads around "
            "it: news is found by polling, some tenths of a second later, and a worker that dies by its "
            "lease, %g s later",
            lease,
        )
    return found


async def pooling_of(dsn: str) -> tuple[Pooling, Whereabouts]:
    """What stands before PostgreSQL. Raises as `explored` does."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(_connected(dsn))
        where = await _asked(one)
        if where.pid == one.get_server_pid():
            return "none", where
        await _require_transactions(one)
        two = await stack.enter_async_context(_connected(dsn))
        seen = [((await _asked(one)).pid, (await _asked(two)).pid) for _ in range(QUESTIONS)]
        apart = all(pair == seen[0] for pair in seen) and seen[0][0] != seen[0][1]
        return ("session" if apart else "transaction"), where


async def _require_direct(listen_dsn: str, where: Whereabouts) -> None:
    pooling, there = await pooling_of(listen_dsn)
    if pooling == "transaction":
        raise PoolerUnfit(
            "the DSN for listening leads to a pooler in transaction mode, too: nothing can listen there"
        )
    if (there.database, there.started_at) != (where.database, where.started_at):
        raise PoolerUnfit(
            f"the DSN for listening leads to another database: {there.database!r} on a server started at "
            f"{there.started_at:%F %T}, not {where.database!r} on one started at {where.started_at:%F %T}"
        )


async def _require_transactions(connection: Connection) -> None:
    try:
        async with connection.transaction():
            await _asked(connection)
    except BROKEN as error:
        raise PoolerUnfit(
            "the pooler between here and PostgreSQL takes no transactions, so it is in statement mode; "
            f"pgdurable needs pool_mode = transaction or session ({error})"
        ) from error


@asynccontextmanager
async def _connected(dsn: str) -> AsyncGenerator[Connection]:
    connection = await connect(dsn, "start", named=False)
    try:
        yield connection
    finally:
        connection.terminate()


async def _asked(connection: Connection) -> Whereabouts:
    try:
        row: Any = await connection.fetchrow(query("whereabouts"))
    except BROKEN as error:
        raise translate(error) from error
    return Whereabouts(*row)
