"""The harness: a node in the test's own event loop, so that breakpoints, mocks and tracebacks work."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pgdurable.config import Settings
from pgdurable.engine.instruments import Instruments
from pgdurable.store import verbs
from pgdurable.store.lane import Lane
from pgdurable.testing.client import Client
from pgdurable.testing.clock import Clock, checked
from pgdurable.testing.failures import Failure, raised_by_the_handler
from pgdurable_sdk import ids

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from pgdurable.engine.attempt import Attempt
    from pgdurable.loader import App, Definition
    from pgdurable.node import Node
    from pgdurable_sdk.port import Failed

log = logging.getLogger("pgdurable.testing")

LOOK: Final = 0.02
"""Seconds after which `settle` looks again, for what nobody announces."""
COMPLAIN: Final = 5.0
"""Seconds after which `settle` says what it is waiting for."""
NEVER_HELPS: Final = (404, 570)
"""Failures that a retry cannot mend: a handler that is not there, code that does not match its journal."""

SETTINGS: Final = Settings(
    drain=0.0,
    retry=replace(
        Settings().retry,
        initial_interval=timedelta(milliseconds=10),
        max_attempts=5,
        on_max_attempts="kill",
    ),
)
"""As in production, but for two things: a bug fails the test soon, instead of being retried for an hour; and
what still runs at the end of a test is not waited for."""


class _Probe(Instruments):
    """What the harness sees of its node."""

    def __init__(self, *, always_replay: bool, disable_retries: bool) -> None:
        self.always_replay = always_replay
        self.clock: Clock
        self.failures: list[Failure] = []
        self.moved = asyncio.Event()
        self.count = 0
        self._disable_retries = disable_retries

    def now(self) -> float:
        return self.clock.now()

    def stirred(self) -> None:
        self.count += 1
        self.moved.set()

    def ended(self, attempt: Attempt, failed: Failed | None) -> bool:
        error = attempt.execution.error
        give_up = failed is not None and (self._disable_retries or failed.code in NEVER_HELPS)
        if error is not None:
            self.failures.append(
                Failure(
                    attempt.handler.target(attempt.row.key),
                    ids.format_id(attempt.id),
                    raised_by_the_handler(error),
                    retried=failed is not None and not give_up,
                )
            )
        return give_up


class Harness:
    """A running engine. `harness` makes one."""

    def __init__(self, dsn: str, node: Node, probe: _Probe, lane: Lane) -> None:
        self.dsn = dsn
        """The database, for a look with any driver."""
        self.client = Client(node.gateway, probe.failures)
        """Calls handlers, and whatever else a client may do."""
        self._node = node
        self._probe = probe
        self._lane = lane
        self._moving = asyncio.Lock()

    @property
    def failures(self) -> list[Failure]:
        """Attempts that failed so far, first to last."""
        return list(self._probe.failures)

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
            await self.settle()
            clock = self._probe.clock
            until = await clock.hold() + checked(delta)
            try:
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
    settings: Settings | None = None,
) -> AsyncGenerator[Harness]:
    """An engine for ``services`` in this event loop.

    ``always_replay`` ends every attempt at its next await and runs it again from its journal, so that code
    which is not deterministic fails. ``disable_retries`` lets an invocation fail with its first error.
    Without a ``dsn`` it has a new database on a server that all tests share; with one, that database, which
    is brought to this release's schema and stays as the test leaves it.

    Raises EmbeddedPostgresError when the server cannot be started, a StoreError or MigrationError when the
    given database cannot be used.
    """
    async with (
        _database(dsn) as found,
        _node(found, services, always_replay, disable_retries, settings or SETTINGS) as env,
    ):
        yield env


@asynccontextmanager
async def _node(
    dsn: str,
    services: App | Iterable[Definition],
    always_replay: bool,
    disable_retries: bool,
    settings: Settings,
) -> AsyncGenerator[Harness]:
    from pgdurable.loader import App
    from pgdurable.node import Node  # takes a while to import: the HTTP server comes along

    app = services if isinstance(services, App) else App(services)
    probe = _Probe(always_replay=always_replay, disable_retries=disable_retries)
    lane = Lane(dsn, "testing")
    probe.clock = Clock(dsn, lane)
    if always_replay:
        settings = replace(settings, inactivity_timeout=0.0)
    node = Node(
        dsn, services=app.services, settings=settings, instruments=probe, codec=app.journal_value_codec
    )
    await node.start()
    try:
        yield Harness(dsn, node, probe, lane)
    except BaseException as error:
        _explain(error, probe.failures)
        raise
    finally:
        await node.stop()
        await lane.close()
        await probe.clock.remove()


@asynccontextmanager
async def _database(dsn: str | None) -> AsyncGenerator[str]:
    if dsn is not None:
        from pgdurable.store.migrate import migrate

        await asyncio.to_thread(migrate, dsn)
        yield dsn
        return
    from pgdurable.testing.session import run

    databases = await asyncio.to_thread(run.databases)
    name = await asyncio.to_thread(databases.create)
    try:
        yield databases.server.dsn(name)
    finally:
        await asyncio.to_thread(databases.drop, name)


def _explain(error: BaseException, failures: list[Failure]) -> None:
    """Say in a test's own error what went wrong in handlers, where it does not say so already."""
    chain: Any = error
    while chain is not None:
        if any(failure.error is chain for failure in failures):
            return
        chain = chain.__cause__ or chain.__context__
    if failures:
        error.add_note(f"The first failure in a handler: {failures[0]}")
