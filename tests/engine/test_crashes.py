"""Workers die at random moments: everything is finished, once, and soon."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.engine.programs import Programs, check, seeded
from tests.engine.watching import until
from tests.fuzz.author import Author
from tests.fuzz.outside import Memory, Reader
from tests.fuzz.trial import Trial

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

LEASE = {"lease": 1.5, "reap": 0.3}


@pytest.mark.slow
async def test_workers_are_killed_at_random_moments(engine: Engine) -> None:
    trial = await trial_of(engine, seeded(1))
    workers = await engine.workers(3, "fuzz.py")
    for patience in (0.0, 60.0, 0.02, 0.0, 60.0):
        await begin(trial, 20)
        workers.pop(trial.luck.randrange(3)).kill()
        workers.append(await engine.worker("fuzz.py", inactivity_timeout=patience))
    await trial.finish(40)
    trial.check()


@pytest.mark.slow
async def test_a_worker_freezes_and_goes_on_as_a_zombie(engine: Engine) -> None:
    trial = await trial_of(engine, seeded(2))
    trial.zombies = True
    workers = await engine.workers(2, "fuzz.py", **LEASE)
    await begin(trial, 30)
    workers[0].freeze()
    await begin(trial, 10)
    await until(lambda: len(engine.database.rows("select from worker")) == 1, 60, "it is taken for dead")
    workers[0].thaw()
    await begin(trial, 10)
    await trial.finish(40)
    trial.check()


async def trial_of(engine: Engine, seed: int) -> Trial:
    """Programs of tests/fuzz, which begin other programs, wait in all ways there are, fail and are undone."""
    memory, luck = Memory(), Random(seed)
    listen = partial(Reader(engine.ledger.path).tell, memory)
    return Trial(await engine.client(), engine.database, Author(luck), luck, memory, listen)


async def begin(trial: Trial, programs: int) -> None:
    """So many, some of which are cancelled or killed."""
    for _ in range(programs):
        await trial.begin()
        await trial.answer()
        if trial.luck.random() < 0.2:
            trial.interfere()
        await asyncio.sleep(trial.luck.uniform(0, 0.02))


@pytest.mark.slow
async def test_all_of_them_are_killed_and_others_come_back(engine: Engine) -> None:
    programs = Programs(seeded())
    workers = await engine.workers(2, "programs.py")
    client = await engine.client()
    await asyncio.gather(*(client.send("Programs", "run", programs.make()) for _ in range(30)))
    await until(lambda: engine.ledger.count("step") > 10, 60, "work under way")
    for worker in workers:
        worker.kill()
    await engine.workers(2, "programs.py")
    await engine.database.finishes(60)
    check(engine.database, engine.ledger, programs.expected)


@pytest.mark.slow
async def test_the_work_of_a_killed_worker_is_taken_over_in_seconds(engine: Engine) -> None:
    workers = await engine.workers(2, "basic.py")
    client = await engine.client()
    id = await client.send("Greeter", "work", 0.5)
    await until(lambda: engine.ledger.count("begin", id=id), 60, "the long step begins")
    (begun,) = engine.ledger.lines("begin", id=id)
    next(worker for worker in workers if worker.pid == begun.pid).kill()
    killed = time.monotonic()
    await until(lambda: engine.ledger.count("begin", id=id) == 2, 60, "it begins elsewhere")
    assert time.monotonic() - killed < 8, "before its lease is over"
    await client.attach(id)
    assert engine.ledger.count("first", id=id) == 1, "a journaled step is not executed again"
    assert {line.pid for line in engine.ledger.lines("end", id=id)} == {
        worker.pid for worker in workers if worker.pid != begun.pid
    }
