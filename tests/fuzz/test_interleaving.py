"""Random programs on several workers whose transactions happen one at a time, in a random order."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from random import Random
from typing import TYPE_CHECKING

import pytest

from pgdurable.config import Settings
from pgdurable.node import Node
from tests.engine.clients import Client
from tests.engine.database import Database
from tests.engine.programs import seeded
from tests.fuzz.author import Author
from tests.fuzz.interleaver import Interleaver
from tests.fuzz.interpreter import services
from tests.fuzz.outside import WORLD, Memory
from tests.fuzz.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

PROGRAMS = 30
PATIENCE = (0.0, 0.02, 60.0)
"""Seconds for which each of the workers keeps what waits in memory."""


class Timed(Memory):
    """Attempts are numbered by when they began, so that those are known that were begun in vain."""

    def begins(self, path: str) -> int:
        number = time.time_ns() // 1000
        self.attempts[path][number] = []
        return number


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(2))
async def test_what_comes_of_programs_in_whatever_order_transactions_happen(
    dsn: str, turn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    luck, database = Random(seeded(turn)), Database(dsn)
    WORLD.outside = outside = Timed()
    interleaver = Interleaver(luck, database)
    async with AsyncExitStack() as stack:
        stack.callback(database.close)
        for patience in PATIENCE:
            settings = Settings(inactivity_timeout=patience, poll=0.2, missing_poll=0.2, result_poll=0.2)
            worker = Node(dsn, services=services, settings=settings)
            await worker.start()
            stack.push_async_callback(worker.stop)
        client = await Client(dsn, submit_patience=60.0).start()
        stack.push_async_callback(client.stop)
        interleaver.install(monkeypatch)
        stack.callback(monkeypatch.undo)
        await beside(interleaver.run, lambda: perform(Trial(client, database, Author(luck), luck, outside)))
    assert interleaver.done["statements"] > 100
    print(interleaver.done)  # noqa: T201 (shown where the test fails)


async def beside(
    run: Callable[[], Coroutine[None, None, None]], perform: Callable[[], Coroutine[None, None, None]]
) -> None:
    """One for as long as the other."""
    running = asyncio.create_task(run())
    try:
        await perform()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def perform(trial: Trial) -> None:
    trial.timed = trial.zombies = True
    for _ in range(PROGRAMS):
        await trial.begin()
        await trial.answer()
        if trial.luck.random() < 0.2:
            trial.interfere()
    await trial.finish(60)
    trial.check()
