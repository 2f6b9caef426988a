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
from pgdurable.store.errors import OutcomeUnknown, SchemaMoved, Unavailable, translate
from pgdurable.store.query import query as query_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asyncpg import Connection, Record
    from asyncpg.prepared_stmt import PreparedStatement

    from pgdurable.store.access import Access
    from pgdurable.store.compatibility import Guard

# Plans are pinned to indexes and nested loops: statistics of a queue are wrong half of the time. A completion
# cost 412 us instead of 49 with a plan made when the tables were empty (sql/README.md, "Plans").
PLANS: Final[dict[str, str]] = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}

SESSION: Final[dict[str, str]] = {
    **PLANS,
    "client_min_messages": "warning",
    # The fence looks at rows after it has waited for a lock: on an older snapshot it would let a zombie pass.
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "5s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}

STATEMENTS: Final = 100
"""That a connection keeps prepared: all it ever has."""

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


async def connect(
    dsn: str, purpose: str, settings: Mapping[str, str] | None = None, *, named: bool = True
) -> Connection[Record]:
    """A connection, with these settings from the start: a pooler takes none. Raises :exc:`Unavailable`.

    ``named``: statements are prepared under names, and kept. A pooler may give those to others.
    """
    try:
        return await asyncpg.connect(
            for_asyncpg(dsn),
            timeout=CONNECT_TIMEOUT,
            server_settings={**(settings or {}), "application_name": f"pgdurable {purpose}".strip()},
            statement_cache_size=STATEMENTS if named else 0,
        )
    except BROKEN as error:
        raise Unavailable(f"cannot connect to PostgreSQL: {str(error) or type(error).__name__}") from error


class Lane:
    """One connection, opened when first used and again after it broke. One call at a time; others wait
    their turn.
    """

    def __init__(self, access: Access, purpose: str, settings: Mapping[str, str] | None = None) -> None:
        self._access = access
        self._settings = settings or {}
        self._purpose = purpose
        self._connection: Connection[Record] | None = None
        self._statements: dict[str, PreparedStatement[Record]] = {}
        self._turn = asyncio.Lock()
        self._closed = False

    async def row(self, query: str, *args: Any) -> Record:
        """The one row of ``query``. Raises a :exc:`StoreError`."""
        return (await self.rows(query, *args))[0]

    async def rows(self, query: str, *args: Any) -> list[Record]:
        """The rows of ``query``, sent again when PostgreSQL rolls it back for a passing reason. Raises a
        :exc:`StoreError`.
        """
        return await again(lambda: self._send(query, *args))

    async def look_at_schema(self) -> None:
        """Whether this release still fits. Raises :exc:`Outdated` and :exc:`Unavailable`."""
        async with self._turn:
            connection = self._connection
            if connection is None or connection.is_closed():
                await self._connect()
            elif self._access.guard is not None:
                try:
                    await self._check(connection, self._access.guard)
                except BaseException:
                    self._connection = None
                    raise

    async def _send(self, query: str, *args: Any) -> list[Record]:
        async with self._turn:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = await self._connect()
            try:
                if self._access.pooled:
                    statement = self._statements.get(query) or await self._prepare(connection, query)
                    return await statement.fetch(*args, timeout=CALL_TIMEOUT)
                return await connection.fetch(query, *args, timeout=CALL_TIMEOUT)
            except asyncio.CancelledError:
                self._abandon()
                raise
            except Exception as error:
                # All of them: asyncpg falls out of step with itself when a connection breaks at the wrong
                # moment, and raises what is no error of its interface, or no error of its own at all.
                translated = translate(error)
                if isinstance(translated, (OutcomeUnknown, SchemaMoved)):
                    self._abandon()
                raise translated from error

    async def _connect(self) -> Connection[Record]:
        self._need_open()
        if self._access.pooled:
            self._statements = {}
            # Without its purpose: the pooler sets the name anew wherever two in a row differ.
            connection = await connect(self._access.dsn, "", named=False)
        else:
            connection = await connect(self._access.dsn, self._purpose, {**SESSION, **self._settings})
        if self._access.guard is not None:
            await self._check(connection, self._access.guard)
        self._connection = connection
        if self._closed:  # meanwhile, and nobody would close this one
            self._abandon()
        self._need_open()
        return connection

    def _need_open(self) -> None:
        if self._closed:
            raise Unavailable("this process has closed its connection to PostgreSQL")

    async def _check(self, connection: Connection[Record], guard: Guard) -> None:
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                await guard.check(connection)
        except BROKEN as error:
            connection.terminate()
            raise Unavailable(f"PostgreSQL did not say what schema it has: {error}") from error
        except BaseException:
            connection.terminate()
            raise

    async def _prepare(self, connection: Connection[Record], query: str) -> PreparedStatement[Record]:
        """Behind a pooler: without a name it is parsed anew with each call, in the same round trip, wherever
        that goes. Only to learn its types, several round trips must go to the same place.
        """
        text = pooled(query, {**PLANS, **self._settings})
        async with connection.transaction():
            statement = await connection.prepare(text, name="", timeout=CALL_TIMEOUT)
        self._statements[query] = statement
        return statement

    def _abandon(self) -> None:
        """Whatever is still under way on this connection, the next call gets a new one."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Close the connection, for good: later calls raise :exc:`Unavailable`."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2)
            except Exception:  # noqa: BLE001 (asyncpg's own slips too: others are still to be closed)
                connection.terminate()


def pooled(statement: str, settings: Mapping[str, str]) -> str:
    """A statement that brings these settings along."""
    return query_named("pooled").format(
        statement=statement, names=quoted(settings), settings=quoted(settings.values())
    )


def quoted(words: Iterable[str]) -> str:
    """Literals of SQL. Of settings alone, which have no quotes."""
    return ", ".join(f"'{word}'" for word in words)
