"""Handlers without a database and without a network: for unit tests, in milliseconds."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pgdurable.loader import App
from pgdurable.testing.client import TestClient
from pgdurable.testing.clock import checked
from pgdurable.testing.failures import Failures
from pgdurable.testing.memory.backend import InMemory, Performer
from pgdurable.testing.memory.engine import Engine
from pgdurable.testing.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from pgdurable.config import Settings
    from pgdurable.loader import Definition
    from pgdurable.testing.failures import Failure
    from pgdurable_sdk.handler import Handler


class InMemoryHarness:
    """An engine in memory. `in_memory` makes one. It does what a `Harness` does, as far as it goes."""

    def __init__(self, engine: Engine, failures: Failures) -> None:
        self.client = TestClient(InMemory(engine), Performer(engine), failures)
        """Calls handlers, and whatever else a client may do."""
        self._engine = engine
        self._failures = failures

    @property
    def failures(self) -> list[Failure]:
        """Attempts that failed so far, first to last."""
        return list(self._failures.kept)

    @property
    def now(self) -> datetime:
        """The time that handlers see, with the local zone. It stands still but for `advance`, and while the
        test waits for a result that only comes with time."""
        return datetime.fromtimestamp(self._engine.model.now).astimezone()

    async def settle(self) -> None:
        """Wait until nothing happens by itself: every invocation has ended, waits, or backs off."""
        await self._engine.settle()

    async def advance(self, delta: timedelta) -> None:
        """Let ``delta`` pass: at once, but in order, as `Harness.advance` does. Raises ValueError for a
        negative ``delta``."""
        await self._engine.advance(checked(delta).total_seconds())

    async def sweep(self) -> int:
        """Forget what is past its retention; how many invocations."""
        return self._engine.model.sweep()


@asynccontextmanager
async def in_memory(
    services: App | Iterable[Definition],
    *,
    always_replay: bool = False,
    disable_retries: bool = False,
    settings: Settings | None = None,
    failures: list[Failure] | None = None,
) -> AsyncGenerator[InMemoryHarness]:
    """An engine in memory for ``services``, in this event loop. The options are those of `harness`.

    Time stands still. It jumps to the next timer when the test waits for a result and nothing else can
    happen, so that a handler which sleeps for a week is tested in no time; `advance` moves it otherwise.
    """
    app = services if isinstance(services, App) else App(services)
    kept = Failures(failures, disable_retries=disable_retries)
    engine = Engine(_handlers(app), settings or SETTINGS, kept, time.time(), always_replay=always_replay)
    try:
        yield InMemoryHarness(engine, kept)
    except BaseException as error:
        kept.explain(error)
        raise
    finally:
        await engine.stop()


def _handlers(app: App) -> dict[tuple[str, str], Handler]:
    return {
        (service.name, handler.name): replace(handler, options=handler.options.over(service.options))
        for service in app.services
        for handler in service.handlers.values()
    }
