"""A listening connection for programs that are not the engine, async and sync.

It is the client's own, beside the pool: LISTEN belongs to a session. What is announced is only a hint, so
where notifications do not come through (PgBouncer in transaction mode), the caller looks now and then, on
this very connection.
"""

from __future__ import annotations

import selectors
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from pgdurable.store.pool import OPTIONS, async_rows, sync_rows, translated, unreachable

if TYPE_CHECKING:
    from pgdurable.store.rows import Rows


class AsyncEar:
    """Every method raises a :exc:`StoreError` when the connection fails."""

    def __init__(self, dsn: str, channel: str) -> None:
        self._dsn = dsn
        self._channel = channel
        self._connection: psycopg.AsyncConnection | None = None

    async def open(self) -> None:
        """Listen, on a new connection."""
        await self.close()
        try:
            self._connection = await psycopg.AsyncConnection.connect(self._dsn, **OPTIONS)
        except psycopg.Error as error:
            raise unreachable(error) from error
        try:
            await self._connection.execute(listen(self._channel))
        except psycopg.Error as error:
            raise translated(error) from error

    async def hear(self, seconds: float) -> list[str]:
        """The lines that were sent, as soon as there are some; none after so many seconds."""
        assert self._connection is not None, "open comes first"
        try:
            return [
                line
                async for notify in self._connection.notifies(timeout=seconds, stop_after=1)
                for line in notify.payload.splitlines()
            ]
        except psycopg.Error as error:
            raise translated(error) from error

    async def rows(self, name: str, *arguments: object) -> Rows:
        """The rows of ``sql/queries/<name>.sql``."""
        assert self._connection is not None, "open comes first"
        try:
            return await async_rows(self._connection, name, *arguments)
        except psycopg.Error as error:
            raise translated(error) from error

    async def close(self) -> None:
        """Close the connection; it may be opened again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class SyncEar:
    """As `AsyncEar`, for a thread of its own. `hush`, from another thread, ends what it waits for."""

    def __init__(self, dsn: str, channel: str) -> None:
        self._dsn = dsn
        self._channel = channel
        self._connection: psycopg.Connection | None = None
        self._bell, self._rope = socket.socketpair()

    def open(self) -> None:
        """Listen, on a new connection."""
        self._drop()
        try:
            self._connection = psycopg.Connection.connect(self._dsn, **OPTIONS)
        except psycopg.Error as error:
            raise unreachable(error) from error
        try:
            self._connection.execute(listen(self._channel))
        except psycopg.Error as error:
            raise translated(error) from error

    def hear(self, seconds: float) -> list[str]:
        """The lines that were sent, as soon as there are some; none after so many seconds, or when hushed."""
        assert self._connection is not None, "open comes first"
        try:
            if lines := self._lines():
                return lines
            self.rest(seconds)
            return self._lines()
        except psycopg.Error as error:
            raise translated(error) from error

    def _lines(self) -> list[str]:
        assert self._connection is not None, "open comes first"
        return [
            line
            for notify in self._connection.notifies(timeout=0, stop_after=1)
            for line in notify.payload.splitlines()
        ]

    def rest(self, seconds: float) -> None:
        """Until something comes, or so many seconds are over, or somebody hushes."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            if self._connection is not None and not self._connection.closed:
                selector.register(self._connection.fileno(), selectors.EVENT_READ)
            selector.select(seconds)

    def rows(self, name: str, *arguments: object) -> Rows:
        """The rows of ``sql/queries/<name>.sql``."""
        assert self._connection is not None, "open comes first"
        try:
            return sync_rows(self._connection, name, *arguments)
        except psycopg.Error as error:
            raise translated(error) from error

    def hush(self) -> None:
        """From now on it waits for nothing."""
        with suppress(OSError):  # closed
            self._rope.send(b".")

    def close(self) -> None:
        """Close the connection, for good."""
        self._drop()
        self._bell.close()
        self._rope.close()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def listen(channel: str) -> sql.Composed:
    """There are no parameters in LISTEN."""
    return sql.SQL("listen {}").format(sql.Identifier(channel))
