"""Workers die at random moments: everything is finished, once, and soon."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.engine.programs import Programs, check, seeded
from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine


@pytest.mark.slow
@pytest.mark.parametrize("turn", [1, 2])
async def test_killed_at_random_moments(engine: Engine, turn: int) -> None:
    seed = seeded(turn)
    programs, randomness = Programs(seed), random.Random(seed)
    workers = await engine.workers(3, "programs.py")
    client = await engine.client()
    await asyncio.gather(*(client.send("Programs", "run", programs.make()) for _ in range(40)))
    for _ in range(5):
        await asyncio.sleep(randomness.uniform(0.05, 0.4))
        victim = workers.pop(randomness.randrange(3))
        victim.kill()
        workers.append(engine.begin("programs.py"))
        await asyncio.gather(
            *(client.send("Programs", "run", programs.make()) for _ in range(randomness.randint(1, 10)))
        )
        await workers[-1].ready()
    await engine.database.finishes(20)
    check(engine.database, engine.ledger, programs.expected)
    assert engine.database.failed_attempts() == [], "nobody is charged for a crash"


@pytest.mark.slow
async def test_all_of_them_are_killed_and_others_come_back(engine: Engine) -> None:
    programs = Programs(seeded())
    workers = await engine.workers(2, "programs.py")
    client = await engine.client()
    await asyncio.gather(*(client.send("Programs", "run", programs.make()) for _ in range(30)))
    await until(lambda: engine.ledger.count("step") > 10, 10, "work under way")
    for worker in workers:
        worker.kill()
    await engine.workers(2, "programs.py")
    await engine.database.finishes(20)
    check(engine.database, engine.ledger, programs.expected)


@pytest.mark.slow
async def test_the_work_of_a_killed_worker_is_taken_over_in_seconds(engine: Engine) -> None:
    workers = await engine.workers(2, "basic.py")
    client = await engine.client()
    id = await client.send("Greeter", "work", 0.5)
    await until(lambda: engine.ledger.count("begin", id=id), 5, "the long step begins")
    (begun,) = engine.ledger.lines("begin", id=id)
    next(worker for worker in workers if worker.pid == begun.pid).kill()
    killed = time.monotonic()
    await until(lambda: engine.ledger.count("begin", id=id) == 2, 10, "it begins elsewhere")
    assert time.monotonic() - killed < 3
    await client.attach(id)
    assert engine.ledger.count("first", id=id) == 1, "a journaled step is not executed again"
    assert {line.pid for line in engine.ledger.lines("end", id=id)} == {
        worker.pid for worker in workers if worker.pid != begun.pid
    }
