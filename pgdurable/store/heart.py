"""The heartbeat: a thread with a connection of its own.

A thread, so that a handler which blocks the event loop does not look like a dead process. The connection
also holds the presence lock of the worker: when the process dies, PostgreSQL sees its socket close and
frees the lock, and others take over long before the lease ends. It goes around a pooler where it can: then a
queue for the pooler's connections does not end a lease, either.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psycopg

from pgdurable.store.query import query

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from pgdurable.store.access import Access

log = logging.getLogger("pgdurable.heart")

KEEPALIVE: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 3000,
    "application_name": "pgdurable heart",
    "prepare_threshold": None,  # behind a pooler a statement with a name is not there the next time
}


class Heart:
    """Renews the lease of one incarnation. Calls ``lost`` in the event loop, once, when it is not to be
    renewed.
    """

    def __init__(self, access: Access, worker: UUID, lease: float, lost: Callable[[str], None]) -> None:
        self._access = access
        self._worker = worker
        self._interval = lease / 3
        # Work stops before others may take it over: the fence would refuse its writes anyway, its side
        # effects not.
        self._patience = lease * 0.8
        self._renewed = time.monotonic()
        self._lost = lost
        self._joined = threading.Event()
        self._stop = threading.Event()
        self._bell, self._bell_rope = socket.socketpair()  # wakes the thread to stop it
        self._held = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._beat, name="pgdurable-heart", daemon=True)

    async def start(self) -> None:
        """Begin, and wait for the presence lock to be held or for the attempt to have failed.

        Before the worker joins: one that is there without its lock is taken for dead. :meth:`joined` follows.
        """
        self._thread.start()
        await self._held.wait()

    def joined(self) -> None:
        """The worker has a lease to be renewed now."""
        self._joined.set()
        self._bell_rope.send(b".")

    @property
    def in_time(self) -> bool:
        """Whether the lease was renewed so lately that nobody else has taken over because of it. A process
        that was stopped for a while knows that before this thread has asked anybody.
        """
        return time.monotonic() - self._renewed < self._patience

    async def stop(self) -> None:
        """End without a call to ``lost``."""
        self._stop.set()
        if self._thread.ident is not None:
            with suppress(OSError):  # stopped before
                self._bell_rope.send(b".")
            await asyncio.to_thread(self._thread.join)
        self._bell.close()
        self._bell_rope.close()

    def _beat(self) -> None:
        connection: psycopg.Connection | None = None
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                if connection is None or connection.closed:
                    connection = self._open()
                alive = not self._joined.is_set() or self._renew(connection)
            except psycopg.Error as error:
                log.debug("heartbeat: %s", error)
                # One that broke is replaced at once: others see that its lock is free, and look again soon.
                wait = 0.2 if connection is None else 0.0
                connection = None
                alive = self.in_time
            else:
                wait = self._interval
                if alive:
                    self._renewed = began
            self._say(self._held.set)
            if not alive:
                self._say(self._lost, "the lease of this worker could not be renewed")
                break
            self._rest(connection, wait)
        if connection is not None:
            connection.close()

    def _open(self) -> psycopg.Connection:
        dsn = self._access.session_dsn
        connection = psycopg.connect(dsn or self._access.dsn, autocommit=True, **KEEPALIVE)  # type: ignore[arg-type]
        if dsn is not None:
            connection.execute(query("take_presence").encode(), [self._worker])
        return connection

    def _rest(self, connection: psycopg.Connection | None, seconds: float) -> None:
        """Until it is time again, or to stop, or the connection breaks: without it, the presence lock is
        free and others take this worker for dead.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            if connection is not None:
                selector.register(connection.fileno(), selectors.EVENT_READ)
            for key, _ in selector.select(seconds):
                if key.fileobj is self._bell:
                    self._bell.recv(1)

    def _renew(self, connection: psycopg.Connection) -> bool:
        row = connection.execute(query("heartbeat").encode(), [self._worker]).fetchone()
        return bool(row and row[0])

    def _say(self, callback: Callable[..., None], *args: str) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            self._stop.set()  # the loop is closed: the process is ending without having stopped us
