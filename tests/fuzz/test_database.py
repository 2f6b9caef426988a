"""Random programs on PostgreSQL, with a worker in this process."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

import pytest

from pgdurable.config import Settings
from pgdurable.engine.instruments import Instruments
from pgdurable.node import Node
from tests.engine.clients import Client
from tests.engine.database import Database
from tests.engine.programs import seeded
from tests.fuzz.author import Author
from tests.fuzz.interpreter import services
from tests.fuzz.outside import WORLD, Memory
from tests.fuzz.trial import Trial

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROGRAMS = 40


@pytest.fixture
async def trial(dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[Trial]:
    """With a worker whose attempts are put aside after so many seconds, or at every await."""
    patience, replay = request.param
    instruments = Instruments()
    instruments.always_replay = replay
    WORLD.outside = outside = Memory()
    worker = Node(
        dsn, services=services, settings=Settings(inactivity_timeout=patience), instruments=instruments
    )
    await worker.start()
    client, database = await Client(dsn).start(), Database(dsn)
    luck = Random(seeded())
    yield Trial(client, database, Author(luck), luck, outside)
    database.close()
    await client.stop()
    await worker.stop()


@pytest.mark.slow
@pytest.mark.parametrize("trial", [(60.0, False), (0.0, False), (0.0, True)], indirect=True)
async def test_what_comes_of_programs_on_postgres(trial: Trial) -> None:
    for _ in range(PROGRAMS):
        await trial.begin()
        await trial.answer()
        if trial.luck.random() < 0.2:
            trial.interfere()
        if trial.luck.random() < 0.2:
            await asyncio.sleep(trial.luck.uniform(0, 0.1))
    await trial.finish(30)
    trial.check()
