"""A worker that is asked to stop finishes or gives back what it runs, at once and at nobody's charge."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.engine.programs import Programs, check, seeded
from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine


@pytest.mark.slow
async def test_what_runs_is_finished_before_a_worker_goes(engine: Engine) -> None:
    worker = await engine.worker("basic.py")
    client = await engine.client()
    id = await client.send("Greeter", "work", 0.5)
    await until(lambda: engine.ledger.count("begin", id=id), 60, "the long step begins")
    worker.terminate()
    assert await worker.ended() == 0
    assert engine.database.status(id) == "completed"
    assert engine.ledger.count("begin", id=id) == 1
    assert engine.database.rows("select * from worker") == []


@pytest.mark.slow
async def test_who_waits_is_suspended_and_goes_on_elsewhere(engine: Engine) -> None:
    worker = await engine.worker("basic.py")
    client = await engine.client()
    id = await client.send("Greeter", "pause", 1.5)
    await engine.database.reaches(id, "running")
    worker.terminate()
    assert await worker.ended(within=3) == 0
    assert engine.database.status(id) == "suspended"
    await engine.worker("basic.py")
    assert await asyncio.wait_for(client.attach(id), 60) == "awake"
    assert engine.database.failed_attempts() == []


@pytest.mark.slow
async def test_what_takes_too_long_is_given_back_at_once(engine: Engine) -> None:
    worker = await engine.worker("basic.py", drain=0.3)
    client = await engine.client()
    id = await client.send("Greeter", "work", 60)
    await until(lambda: engine.ledger.count("begin", id=id), 60, "the long step begins")
    other = await engine.worker("basic.py")
    worker.terminate()
    assert await worker.ended() == 0
    gone = time.monotonic()
    await until(lambda: engine.ledger.count("begin", id=id) == 2, 60, "it begins elsewhere")
    assert time.monotonic() - gone < 8, "before its lease is over"
    assert {line.pid for line in engine.ledger.lines("begin", id=id)} == {worker.pid, other.pid}
    assert engine.ledger.count("first", id=id) == 1
    assert engine.database.failed_attempts() == []


@pytest.mark.slow
async def test_workers_are_replaced_one_by_one_under_load(engine: Engine) -> None:
    programs = Programs(seeded())
    old = await engine.workers(2, "programs.py", drain=0.5)
    client = await engine.client()
    answers = [asyncio.create_task(client.call("Programs", "run", programs.make())) for _ in range(40)]
    for worker in old:
        await engine.worker("programs.py")
        answers += [asyncio.create_task(client.call("Programs", "run", programs.make())) for _ in range(10)]
        worker.terminate()
        assert await worker.ended() == 0
    async with asyncio.timeout(60):
        await asyncio.gather(*answers)
    await engine.database.finishes(60)
    check(engine.database, engine.ledger, programs.expected)


async def test_a_stop_of_an_idle_process_is_quick(engine: Engine) -> None:
    worker = await engine.begin("basic.py", ingress=True).ready()
    began = time.monotonic()
    worker.terminate()
    assert await worker.ended() == 0
    assert time.monotonic() - began < 5, "sooner than what runs is given to end"
    assert engine.database.backends() == []
