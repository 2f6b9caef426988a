"""The harness: a node in the test's own event loop, so that breakpoints, mocks and tracebacks work."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Final

from pgdurable.client import connect
from pgdurable.engine.instruments import Instruments
from pgdurable.loader import App
from pgdurable.store import verbs
from pgdurable.store.access import Access
from pgdurable.store.lane import Lane
from pgdurable.testing.client import TestClient
from pgdurable.testing.clock import Clock, checked
from pgdurable.testing.failures import Failures
from pgdurable.testing.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from pgdurable.client import Client
    from pgdurable.config import Settings
    from pgdurable.engine.attempt import Attempt
    from pgdurable.loader import Definition
    from pgdurable.node import Node
    from pgdurable.testing.databases import Databases
    from pgdurable.testing.failures import Failure
    from pgdurable.testing.session import Container
    from pgdurable_sdk.port import Failed

log = logging.getLogger("pgdurable.testing")

LOOK: Final = 0.02
"""Seconds after which `settle` looks again, for what nobody announces."""
COMPLAIN: Final = 5.0
"""Seconds after which `settle` says what it is waiting for."""


class _Probe(Instruments):
    """What the harness sees of its node."""

    def __init__(self, failures: Failures, *, always_replay: bool) -> None:
        self.always_replay = always_replay
        self.clock: Clock
        self.failures = failures
        self.moved = asyncio.Event()
        self.count = 0

    def now(self) -> float:
        return self.clock.now()

    def stirred(self) -> None:
        self.count += 1
        self.moved.set()

    def ended(self, attempt: Attempt, failed: Failed | None) -> bool:
        return self.failures.note(attempt.execution, failed)


class Harness:
    """A running engine. `harness` makes one."""

    def __init__(self, dsn: str, node: Node, probe: _Probe, lane: Lane, client: Client) -> None:
        self.dsn = dsn
        """The database, for a look with any driver."""
        self.client = client
        """Calls handlers, and whatever else a client may do."""
        self._node = node
        self._probe = probe
        self._lane = lane
        self._moving = asyncio.Lock()

    @property
    def url(self) -> str:
        """Where it listens for HTTP. Raises RuntimeError if that was not asked for."""
        if self._node.ingress_port is None:
            raise RuntimeError("this harness does not listen: harness(..., ingress=True)")
        return f"http://127.0.0.1:{self._node.ingress_port}"

    @property
    def failures(self) -> list[Failure]:
        """Attempts that failed so far, first to last."""
        return list(self._probe.failures.kept)

    @property
    def now(self) -> datetime:
        """The time that handlers see, with the local zone."""
        return datetime.fromtimestamp(self._probe.now()).astimezone()

    async def settle(self) -> None:
        """Wait until nothing happens by itself: every invocation has ended, waits, or backs off.

        A handler that waits for something else than its context, a request say, is waited for.
        """
        complaint = asyncio.get_running_loop().call_later(COMPLAIN, self._complain)
        try:
            while not await self._at_rest():
                self._probe.moved.clear()
                try:
                    async with asyncio.timeout(LOOK):
                        await self._probe.moved.wait()
                except TimeoutError:
                    pass
        finally:
            complaint.cancel()

    async def advance(self, delta: timedelta) -> None:
        """Let ``delta`` pass: at once, but in order.

        Whatever becomes due meanwhile (sleeps, delayed sends, timeouts, retries) becomes so at its own time,
        one after the other, and each time everything settles before time goes on. So what is set meanwhile
        becomes due, too. Raises ValueError for a negative ``delta``.
        """
        async with self._moving:
            checked(delta)
            clock = self._probe.clock
            until = await clock.hold() + delta
            try:
                # Only now: until it was held, time went on, and what it woke may have something to set.
                self._node.time_moved()
                await self.settle()
                while (due := await verbs.next_timer(self._lane, until)) is not None:
                    await clock.hold(due)
                    self._node.time_moved()
                    await self.settle()
                await clock.hold(until)
            finally:
                await clock.go_on()
                self._node.time_moved()
            await self.settle()

    async def sweep(self) -> int:
        """Delete what is past its retention, as the engine does every hour; how many invocations."""
        return await self._node.sweep()

    async def _at_rest(self) -> bool:
        count = self._probe.count
        return await self._node.at_rest() and count == self._probe.count

    def _complain(self) -> None:
        log.warning("waiting for %.0f s for handlers to end or to wait", COMPLAIN)


@asynccontextmanager
async def harness(
    services: App | Iterable[Definition],
    *,
    always_replay: bool = False,
    disable_retries: bool = False,
    dsn: str | None = None,
    server: str | Container | None = None,
    ingress: bool = False,
    settings: Settings | None = None,
    failures: list[Failure] | None = None,
) -> AsyncGenerator[Harness]:
    """An engine for ``services`` in this event loop.

    It has a new database, dropped afterwards, on an embedded server that all tests share.

    Parameters:
        services: What is tested.
        always_replay: End every attempt at its next await and run it again from its journal, so that code
            which is not deterministic fails.
        disable_retries: An invocation fails with its first error.
        dsn: Take this database instead. It is brought to this release's schema, and stays as the test leaves
            it.
        server: Make the new database on this server: a connection string with a role that may create
            databases, or a started ``PostgresContainer`` of testcontainers.
        ingress: Also listen for HTTP, at ``env.url``.
        settings: The engine's, instead of `SETTINGS`.
        failures: What fails is added to this list, too, as it happens.

    Raises:
        EmbeddedPostgresError: The server cannot be started.
        MigrationError: The given database, or server, cannot be used.
    """
    app = services if isinstance(services, App) else App(services)
    probe = _Probe(Failures(failures, disable_retries=disable_retries), always_replay=always_replay)
    chosen = settings or SETTINGS
    if always_replay:
        chosen = replace(chosen, inactivity_timeout=0.0)
    async with _database(dsn, server, ingress) as found, _running(found, app, probe, chosen, ingress) as env:
        yield env


@asynccontextmanager
async def _running(
    dsn: str, app: App, probe: _Probe, settings: Settings, ingress: bool
) -> AsyncGenerator[Harness]:
    from pgdurable.node import Address, Node  # takes a while to import

    lane = Lane(Access(dsn), "testing")
    probe.clock = Clock(dsn, lane)
    node = Node(
        dsn,
        services=app.services,
        ingress=Address("127.0.0.1", 0) if ingress else None,
        settings=settings,
        instruments=probe,
        codec=app.journal_value_codec,
    )
    client = connect(dsn, journal_value_codec=app.journal_value_codec)
    explained = TestClient(client.backend, client.performer, probe.failures)
    await node.start()
    try:
        yield Harness(dsn, node, probe, lane, explained)
    except BaseException as error:
        probe.failures.explain(error)
        raise
    finally:
        await explained.close()
        await node.stop()
        await lane.close()
        await probe.clock.remove()


@asynccontextmanager
async def _database(dsn: str | None, server: str | Container | None, ingress: bool) -> AsyncGenerator[str]:
    if dsn is not None:
        from pgdurable.store.migrate import migrate

        await asyncio.to_thread(migrate, dsn)
        yield dsn
        return
    databases, _ = await asyncio.gather(
        asyncio.to_thread(_databases, server),
        asyncio.to_thread(_import_engine, ingress),  # for as long as a server takes to start
    )
    name = await asyncio.to_thread(databases.create)
    try:
        yield databases.server.dsn(name)
    finally:
        await asyncio.to_thread(databases.drop, name)


def _import_engine(ingress: bool) -> None:
    """All that a node imports, and what it leaves for later unless it serves HTTP."""
    modules = ["pgdurable.node", *(["pgdurable.ingress.app", "pgdurable.ingress.server"] if ingress else [])]
    for module in modules:
        import_module(module)


def _databases(server: str | Container | None) -> Databases:
    from pgdurable.testing import session

    return session.session.databases() if server is None else session.databases_at(server)
