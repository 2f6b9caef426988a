"""Carry out the steps of `over_sql` with psycopg: in an event loop, or blocking, with a thread to listen."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from time import sleep
from typing import TYPE_CHECKING, Any, assert_never

from pgdurable.client.driving import drive_async, drive_sync
from pgdurable.client.errors import ConnectError
from pgdurable.client.steps import Await, Fetch, Hear, Listen, Look, Pause, Resolve
from pgdurable.client.waits import watch
from pgdurable.store.channels import channel_of
from pgdurable.store.ear import AsyncEar, SyncEar
from pgdurable.store.errors import StoreError
from pgdurable.store.pool import AsyncPool, SyncPool, async_rows, sync_rows

if TYPE_CHECKING:
    from pgdurable.client.over_sql import OverSql
    from pgdurable.client.steps import Step

log = logging.getLogger("pgdurable.client")

SqlStep = Fetch | Await | Pause | Resolve | Listen | Hear | Look


class AsyncSql:
    """Listens in a task, from the first time that somebody waits."""

    def __init__(self, backend: OverSql, dsn: str, listen_dsn: str, size: int) -> None:
        self._backend = backend
        self._pool = AsyncPool(dsn, size)
        self._ear = AsyncEar(listen_dsn, channel_of(backend.id))
        self._watcher: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect. Raises `ConnectError`."""
        try:
            await self._pool.open()
        except StoreError as error:
            raise ConnectError(str(error)) from error

    async def close(self) -> None:
        """Disconnect; whoever waits is told."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait([watcher])
        self._backend.waits.fail(ConnectError("the client was closed; the invocation goes on"))
        await self._ear.close()
        await self._pool.close()

    async def perform(self, step: Step[Any]) -> Any:
        """The answer to a step."""
        assert isinstance(step, SqlStep), step
        match step:
            case Fetch(query, arguments, None):
                return await self._pool.rows(query, *arguments)
            case Fetch(query, arguments, connection):
                return await async_rows(connection, query, *arguments)
            case Await(result, seconds):
                self._listen()
                async with asyncio.timeout(seconds):
                    return await asyncio.wrap_future(result)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Resolve(make):
                return await make()
            case Listen():
                await self._ear.open()
            case Hear(seconds):
                return await self._ear.hear(seconds)
            case Look(query, arguments):
                return await self._ear.rows(query, *arguments)
            case _:
                assert_never(step)

    def _listen(self) -> None:
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        try:
            await drive_async(watch(self._backend.waits, self._backend.patience), self)
        except Exception as error:
            log.exception("the client cannot wait for results any more")
            self._backend.waits.fail(error)


class SyncSql:
    """Listens in a thread, from the first time that somebody waits. May be used from several threads."""

    def __init__(self, backend: OverSql, dsn: str, listen_dsn: str, size: int) -> None:
        self._backend = backend
        self._pool = SyncPool(dsn, size)
        self._listen_dsn = listen_dsn
        self._lock = threading.Lock()
        self._ear: SyncEar | None = None
        self._watcher: threading.Thread | None = None
        self._closed = threading.Event()

    def open(self) -> None:
        """Connect. Raises `ConnectError`."""
        try:
            self._pool.open()
        except StoreError as error:
            raise ConnectError(str(error)) from error

    def close(self) -> None:
        """Disconnect; whoever waits is told."""
        with self._lock:
            self._closed.set()
        if self._ear is not None and self._watcher is not None:
            self._ear.hush()
            self._watcher.join()
            self._ear.close()
        self._backend.waits.fail(ConnectError("the client was closed; the invocation goes on"))
        self._pool.close()

    def perform(self, step: Step[Any]) -> Any:
        """The answer to a step."""
        assert isinstance(step, SqlStep), step
        match step:
            case Fetch(query, arguments, None):
                return self._pool.rows(query, *arguments)
            case Fetch(query, arguments, connection):
                return sync_rows(connection, query, *arguments)
            case Await(result, seconds):
                self._listen()
                return result.result(seconds)
            case Pause(seconds):
                sleep(seconds)
            case Resolve(make):
                return asyncio.run(make())
            case Listen() | Hear() | Look():
                return self._attend(step)
            case _:
                assert_never(step)

    def _attend(self, step: Listen | Hear | Look) -> Any:
        """In the thread that listens."""
        assert self._ear is not None, "the thread begins after its ear is there"
        if self._closed.is_set():
            raise _Closed
        match step:
            case Listen():
                self._ear.open()
            case Hear(seconds):
                return self._ear.hear(seconds)
            case Look(query, arguments):
                return self._ear.rows(query, *arguments)
            case _:
                assert_never(step)

    def _listen(self) -> None:
        with self._lock:
            if self._watcher is None and not self._closed.is_set():
                self._ear = SyncEar(self._listen_dsn, channel_of(self._backend.id))
                self._watcher = threading.Thread(target=self._watch, name="pgdurable-client", daemon=True)
                self._watcher.start()

    def _watch(self) -> None:
        try:
            with suppress(_Closed):
                drive_sync(watch(self._backend.waits, self._backend.patience), self)
        except Exception as error:
            log.exception("the client cannot wait for results any more")
            self._backend.waits.fail(error)


class _Closed(Exception):
    """The client is closed, so nobody waits any more."""
