"""A worker that was taken for dead and comes back can write nothing more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine
    from tests.engine.processes import Process


def who_began(engine: Engine, workers: list[Process], id: str) -> Process:
    (begun,) = engine.ledger.lines("begin", id=id)
    return next(worker for worker in workers if worker.pid == begun.pid)


@pytest.mark.slow
async def test_a_zombie_writes_nothing(engine: Engine) -> None:
    workers = await engine.workers(2, "basic.py", lease=1.0, reap=0.2)
    client = await engine.client()
    id = await client.send("Greeter", "work", 0.3)
    await until(lambda: engine.ledger.count("begin", id=id), 60, "the long step begins")
    zombie = who_began(engine, workers, id)
    zombie.freeze()
    first = await asyncio.wait_for(client.attach(id), 60)
    journal = engine.database.journal(id)
    assert {line.pid for line in engine.ledger.lines("end", id=id)} == {
        worker.pid for worker in workers if worker is not zombie
    }

    zombie.thaw()
    # It finishes its step, as nobody could keep it from that, and then nothing comes of it.
    await until(
        lambda: "starting over" in zombie.log or "could not be renewed" in zombie.log,
        10,
        lambda: f"the zombie notices:\n{zombie.log}",
    )
    assert engine.database.journal(id) == journal
    assert await client.attach(id) == first
    assert engine.ledger.count("first", id=id) == 1
    engine.database.sound()

    # And it is a good worker again.
    next(worker for worker in workers if worker is not zombie).kill()
    assert await asyncio.wait_for(client.call("Greeter", "greet", "Mary"), 60) == "Hello Mary"


@pytest.mark.slow
async def test_a_zombie_begins_no_step(engine: Engine) -> None:
    """What it finds to do when it comes back, before its heart has asked anybody, it leaves alone: its own
    clock says that its lease may be over.
    """
    workers = await engine.workers(2, "basic.py", lease=1.0, reap=0.2)
    client = await engine.client()
    ids = [await client.send("Greeter", "doze", 0.3) for _ in range(8)]
    await until(lambda: engine.ledger.count("begin") == len(ids), 60, "all doze")
    zombie = next(worker for worker in workers if worker.pid == engine.ledger.lines("begin")[-1].pid)
    zombie.freeze()
    await asyncio.gather(*(asyncio.wait_for(client.attach(id), 60) for id in ids))
    executed = {id: engine.ledger.count("late", id=id) for id in ids}
    zombie.thaw()
    await until(lambda: "starting over" in zombie.log, 60, lambda: f"the zombie notices:\n{zombie.log}")
    assert {id: engine.ledger.count("late", id=id) for id in ids} == executed


@pytest.mark.slow
async def test_the_fence_refuses_what_a_zombie_sends(engine: Engine) -> None:
    """The zombie's heart is not asked: its batch arrives first, and is refused by the fence itself."""
    workers = await engine.workers(2, "basic.py", lease=1.0, reap=0.2)
    client = await engine.client()
    ids = [await client.send("Greeter", "work", 0.05) for _ in range(8)]
    await until(lambda: engine.ledger.count("begin") >= 2, 60, "long steps begin")
    zombie = next(worker for worker in workers if worker.pid == engine.ledger.lines("begin")[-1].pid)
    zombie.freeze()
    await asyncio.gather(*(asyncio.wait_for(client.attach(id), 60) for id in ids))
    journals = {id: engine.database.journal(id) for id in ids}
    zombie.thaw()
    await until(lambda: "starting over" in zombie.log, 60, lambda: f"the zombie notices:\n{zombie.log}")
    assert {id: engine.database.journal(id) for id in ids} == journals
    engine.database.sound()


@pytest.mark.slow
async def test_the_fence_stops_who_does_not_know_that_it_is_dead(engine: Engine) -> None:
    """The process is well, only its lease has run out: what it asks for is refused by SQL alone."""
    quick = {"lease": 1.0, "reap": 0.2}
    zombie = await engine.begin("basic.py", heartless=True, settings=quick).ready()
    client = await engine.client(reap=0.2)
    id = await client.send("Greeter", "work", 2.0)
    await until(lambda: engine.ledger.count("begin", id=id), 60, "the long step begins")
    await engine.worker("basic.py", **quick)
    await until(lambda: "PD001" in zombie.log, 60, lambda: f"it runs into the fence:\n{zombie.log}")
    # It gave up its work; the other one executes the step anew, and nothing that is journaled. On a slow
    # machine the step may have ended before it was told, more than once as it registers anew each time, but
    # only the other's result counts.
    async with asyncio.timeout(60):
        await client.attach(id)
    assert any(step.pid != zombie.pid for step in engine.ledger.lines("end", id=id))
    assert engine.ledger.count("first", id=id) == 1
    assert engine.database.failed_attempts() == []
    engine.database.sound()


@pytest.mark.slow
async def test_a_stalled_event_loop_is_not_a_dead_worker(engine: Engine) -> None:
    """A handler that blocks for longer than the lease keeps its invocation: the heart is a thread."""
    (worker, _) = await engine.workers(2, "basic.py", lease=1.0, reap=0.2)
    client = await engine.client()
    id = await client.send("Greeter", "block", 2.0)
    assert await asyncio.wait_for(client.attach(id), 60) == "done"
    assert engine.ledger.count("block") == 1
    assert "gone" not in worker.log
