"""A lane: one connection of the engine, for calls that follow each other.

The engine's calls are few, batched and of known kinds, so each kind has a connection of its own rather than
a pool's: no checkout, no reset between calls, and one kind never waits behind another.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from pgdurable.store.again import again
from pgdurable.store.dsn import for_asyncpg
from pgdurable.store.errors import OutcomeUnknown, Unavailable, translate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncpg import Connection, Record

# Plans are pinned to indexes and nested loops: statistics of a queue are wrong half of the time. A completion
# cost 412 us instead of 49 with a plan made when the tables were empty (sql/README.md, "Plans").
SESSION: Final[dict[str, str]] = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "client_min_messages": "warning",
    # The fence looks at rows after it has waited for a lock: on an older snapshot it would let a zombie pass.
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "5s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}

CONNECT_TIMEOUT: Final = 10.0

CALL_TIMEOUT = 30.0
"""Seconds after which a call is given up: the other end of a connection may be gone without a word. Calls
take milliseconds; one that waits for somebody's lock has that long.
"""

BROKEN: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What the driver raises when a connection cannot be opened, or breaks."""


# For what is only a hint, and may be lost: its commit need not wait for the disk.
FLEETING: Final[dict[str, str]] = {"synchronous_commit": "off"}


async def connect(dsn: str, purpose: str, settings: Mapping[str, str] | None = None) -> Connection[Record]:
    """A connection with the engine's settings and these. Raises :exc:`Unavailable`."""
    try:
        return await asyncpg.connect(
            for_asyncpg(dsn),
            timeout=CONNECT_TIMEOUT,
            server_settings={**SESSION, **(settings or {}), "application_name": f"pgdurable {purpose}"},
        )
    except BROKEN as error:
        raise Unavailable(f"cannot connect to PostgreSQL: {str(error) or type(error).__name__}") from error


class Lane:
    """One connection, opened when first used and again after it broke. One call at a time; others wait
    their turn.
    """

    def __init__(self, dsn: str, purpose: str, settings: Mapping[str, str] | None = None) -> None:
        self._dsn = dsn
        self._settings = settings
        self._purpose = purpose
        self._connection: Connection[Record] | None = None
        self._turn = asyncio.Lock()

    async def row(self, query: str, *args: Any) -> Record:
        """The one row of ``query``. Raises a :exc:`StoreError`."""
        return (await self.rows(query, *args))[0]

    async def rows(self, query: str, *args: Any) -> list[Record]:
        """The rows of ``query``, sent again when PostgreSQL rolls it back for a passing reason. Raises a
        :exc:`StoreError`.
        """
        return await again(lambda: self._send(query, *args))

    async def _send(self, query: str, *args: Any) -> list[Record]:
        async with self._turn:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = self._connection = await connect(self._dsn, self._purpose, self._settings)
            try:
                return await connection.fetch(query, *args, timeout=CALL_TIMEOUT)
            except asyncio.CancelledError:
                self._abandon()
                raise
            except Exception as error:
                # All of them: asyncpg falls out of step with itself when a connection breaks at the wrong
                # moment, and raises what is no error of its interface, or no error of its own at all.
                translated = translate(error)
                if isinstance(translated, OutcomeUnknown):
                    self._abandon()
                raise translated from error

    def _abandon(self) -> None:
        """Whatever is still under way on this connection, the next call gets a new one."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Close the connection; a later call opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2)
            except BROKEN:
                connection.terminate()
