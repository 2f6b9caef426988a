"""Connections for programs that are not the engine: psycopg's pools, async and sync, a statement at a time.

They hold nothing between statements: no prepared statement, no setting, no open transaction. So PgBouncer may
stand in between, in transaction mode.
"""

from __future__ import annotations

import asyncio
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

import psycopg
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed, PoolTimeout

from pgdurable.store.again import again, again_blocking
from pgdurable.store.errors import (
    OutcomeUnknown,
    Refused,
    StoreError,
    Unavailable,
    Unstorable,
    translate,
)
from pgdurable.store.isolation import read_committed, read_committed_blocking
from pgdurable.store.query import query
from pgdurable.store.said import said_by

if TYPE_CHECKING:
    from pgdurable.store.rows import Rows

CONNECT_SECONDS: Final = 10
OPTIONS: Final[dict[str, Any]] = {
    "autocommit": True,
    "prepare_threshold": None,  # a prepared statement is the session's, which PgBouncer gives to others
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "pgdurable client",
}
POOL: Final[dict[str, Any]] = {
    "name": "pgdurable client",
    "kwargs": OPTIONS,
    "min_size": 0,
    "open": False,
    "reconnect_timeout": 1.0,  # then whoever waits finds out why, see _Reachability
}
PATIENCE: Final = 30.0
"""Seconds to wait for a connection while all are busy."""
SLICE: Final = 2.0
"""Seconds until somebody who waits for a connection asks whether there is a server."""


class AsyncPool:
    """Raises a :exc:`StoreError` for whatever goes wrong."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._pool = AsyncConnectionPool[psycopg.AsyncConnection](dsn, max_size=size, **POOL)
        self._asking = asyncio.Lock()
        self._asked = -SLICE
        self._away: StoreError | None = None

    async def open(self) -> None:
        """Take statements. Says at once if there is no server."""
        self._away = await self._ask()
        if self._away is not None:
            raise self._away
        await self._pool.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def rows(self, name: str, *arguments: object) -> Rows:
        """The rows of ``sql/queries/<name>.sql``, sent again when it was rolled back for a passing reason."""
        return await again(lambda: self._send(name, *arguments))

    async def _send(self, name: str, *arguments: object) -> Rows:
        connection = await self._connection()
        try:
            return await read_committed(connection, lambda: async_rows(connection, name, *arguments))
        except (psycopg.Error, UnicodeEncodeError) as error:
            failure = translated(error)
            if isinstance(failure, OutcomeUnknown):
                await self._pool.check()  # a server that goes takes more of them with it
            raise failure from error
        finally:
            await self._pool.putconn(connection)

    async def _connection(self) -> psycopg.AsyncConnection:
        until = monotonic() + PATIENCE
        while True:
            try:
                return await self._pool.getconn(timeout=SLICE)
            except PoolClosed as error:
                raise Unavailable("the client is closed") from error
            except PoolTimeout as error:
                if (away := await self._why()) is not None:
                    raise away from error
                if monotonic() > until:
                    raise Unavailable(f"all connections of the client are busy: {error}") from error

    async def _why(self) -> StoreError | None:
        """Whether it is the server's fault that there is no connection. One asks for all who wait."""
        async with self._asking:
            if monotonic() > self._asked + SLICE:
                self._away = await self._ask()
                self._asked = monotonic()
            return self._away

    async def _ask(self) -> StoreError | None:
        try:
            await (await psycopg.AsyncConnection.connect(self._dsn, **OPTIONS)).close()
        except psycopg.Error as error:
            return unreachable(error)
        return None


class SyncPool:
    """As `AsyncPool`, blocking. May be used from several threads."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._pool = ConnectionPool[psycopg.Connection](dsn, max_size=size, **POOL)
        self._asking = threading.Lock()
        self._asked = -SLICE
        self._away: StoreError | None = None

    def open(self) -> None:
        """Take statements. Says at once if there is no server."""
        self._away = self._ask()
        if self._away is not None:
            raise self._away
        self._pool.open()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def rows(self, name: str, *arguments: object) -> Rows:
        """As `AsyncPool.rows`."""
        return again_blocking(lambda: self._send(name, *arguments))

    def _send(self, name: str, *arguments: object) -> Rows:
        connection = self._connection()
        try:
            return read_committed_blocking(connection, lambda: sync_rows(connection, name, *arguments))
        except (psycopg.Error, UnicodeEncodeError) as error:
            failure = translated(error)
            if isinstance(failure, OutcomeUnknown):
                self._pool.check()
            raise failure from error
        finally:
            self._pool.putconn(connection)

    def _connection(self) -> psycopg.Connection:
        until = monotonic() + PATIENCE
        while True:
            try:
                return self._pool.getconn(timeout=SLICE)
            except PoolClosed as error:
                raise Unavailable("the client is closed") from error
            except PoolTimeout as error:
                if (away := self._why()) is not None:
                    raise away from error
                if monotonic() > until:
                    raise Unavailable(f"all connections of the client are busy: {error}") from error

    def _why(self) -> StoreError | None:
        with self._asking:
            if monotonic() > self._asked + SLICE:
                self._away = self._ask()
                self._asked = monotonic()
            return self._away

    def _ask(self) -> StoreError | None:
        try:
            psycopg.Connection.connect(self._dsn, **OPTIONS).close()
        except psycopg.Error as error:
            return unreachable(error)
        return None


async def async_rows(connection: object, name: str, *arguments: object) -> Rows:
    """The rows of a statement on this connection. Raises what psycopg raises; TypeError where it is none."""
    if not isinstance(connection, psycopg.AsyncConnection):
        raise TypeError(f"connection is {connection!r}; give a psycopg.AsyncConnection")
    async with psycopg.AsyncRawCursor(
        cast(psycopg.AsyncConnection, connection), row_factory=tuple_row
    ) as cursor:
        await cursor.execute(query(name).encode(), arguments)
        return await cursor.fetchall()


def sync_rows(connection: object, name: str, *arguments: object) -> Rows:
    """As `async_rows`."""
    if not isinstance(connection, psycopg.Connection):
        raise TypeError(f"connection is {connection!r}; give a psycopg.Connection")
    with psycopg.RawCursor(cast(psycopg.Connection, connection), row_factory=tuple_row) as cursor:
        cursor.execute(query(name).encode(), arguments)
        return cursor.fetchall()


def translated(error: psycopg.Error | UnicodeEncodeError) -> StoreError:
    """What the server says, and connections that break; all else is a statement that cannot be sent."""
    if isinstance(error, UnicodeError):
        return Unstorable(f"it contains what is no character ({error.reason})")
    if error.sqlstate is None and not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return Unstorable(said_by(error)) if isinstance(error, psycopg.DataError) else Refused(said_by(error))
    return translate(error)


def unreachable(error: psycopg.Error) -> Unavailable:
    """No connection could be made."""
    return Unavailable(f"cannot connect to PostgreSQL: {said_by(error)}")
