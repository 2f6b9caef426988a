"""Cancel, kill, pause and resume, by the functions that people call in psql, on real workers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.engine.clients import Client, Failed
from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine


async def fails_with(client: Client, id: str, message: str, within: float = 60) -> Failed:
    async with asyncio.timeout(within):
        with pytest.raises(Failed, match=message) as caught:
            await client.attach(id)
    assert caught.value.code == 409
    return caught.value


async def test_cancelling_who_is_scheduled(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    id = await client.send("Greeter", "greet", "later", delay=timedelta(hours=1))
    assert engine.database.status(id) == "scheduled"
    assert engine.database.control("cancel", id) == "done"
    await fails_with(client, id, "cancel")
    assert engine.ledger.count("greet") == 0


async def test_controlling_what_nobody_runs_yet(engine: Engine) -> None:
    worker = await engine.worker("trees.py")
    client = await engine.client()
    worker.terminate()
    await worker.ended()
    operations = ("cancel", "kill", "pause", "resume")
    ids = {operation: await client.send("Tree", "busy", 0.0) for operation in operations}
    assert {engine.database.status(id) for id in ids.values()} == {"ready"}
    answers = [engine.database.control(operation, id) for operation, id in ids.items()]
    assert answers == ["accepted", "done", "accepted", "accepted"]
    assert [engine.database.status(id) for id in ids.values()] == ["ready", "completed", "paused", "ready"]
    await engine.worker("trees.py")
    await fails_with(client, ids["cancel"], "cancel")
    await fails_with(client, ids["kill"], "killed")
    async with asyncio.timeout(60):
        assert await client.attach(ids["resume"]) == "done"
    assert engine.database.status(ids["pause"]) == "paused"
    assert engine.database.control("resume", ids["pause"]) == "accepted"
    async with asyncio.timeout(60):
        assert await client.attach(ids["pause"]) == "done"
    begun = {line["id"] for line in engine.ledger.lines("begin")}
    assert begun == {ids["pause"], ids["resume"]}, "the step of the cancelled one was not begun"
    engine.database.sound()


async def test_cancelling_who_waits_for_its_key(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    holder = await client.send("Counter", "hold", 3600.0, key="k")
    first, second, third = [await client.send("Counter", "add", n, key="k") for n in (1, 2, 3)]
    assert engine.database.status(second) == "pending"
    assert engine.database.control("cancel", second) == "done"
    await fails_with(client, second, "cancel")
    assert engine.database.control("cancel", holder) == "accepted"
    async with asyncio.timeout(60):
        assert [await client.attach(first), await client.attach(third)] == [1, 4]
    engine.database.sound()


@pytest.mark.parametrize("inactivity_timeout", [60.0, 0.0])
async def test_cancelling_who_sleeps(engine: Engine, inactivity_timeout: float) -> None:
    await engine.worker("basic.py", inactivity_timeout=inactivity_timeout)
    client = await engine.client()
    id = await client.send("Greeter", "pause", 3600.0)
    await engine.database.reaches(id, "running" if inactivity_timeout else "suspended")
    assert engine.database.control("cancel", id) == "accepted"
    await fails_with(client, id, "cancel")
    engine.database.sound()


async def test_cancelling_who_backs_off(engine: Engine) -> None:
    await engine.worker("failing.py")
    client = await engine.client()
    id = await client.send("Slow", "waits")
    await engine.database.reaches(id, "backing-off")
    assert engine.database.control("cancel", id) == "accepted"
    await fails_with(client, id, "cancel")
    engine.database.sound()


async def test_a_handler_may_go_on_after_a_cancellation(engine: Engine) -> None:
    await engine.worker("trees.py")
    client = await engine.client()
    id = await client.send("Tree", "stubborn", 3600.0)
    await engine.database.reaches(id, "running")
    engine.database.control("cancel", id)
    async with asyncio.timeout(60):
        assert await client.attach(id) == "cancelled, and done nevertheless"


async def test_a_cancellation_interrupts_a_step(engine: Engine) -> None:
    await engine.worker("trees.py")
    client = await engine.client()
    id = await client.send("Tree", "busy", 3600.0)
    await until(lambda: engine.ledger.count("begin", id=id), 60, "the step begins")
    engine.database.control("cancel", id)
    await fails_with(client, id, "cancel")
    assert engine.ledger.count("end", id=id) == 1


async def test_a_cancellation_that_nobody_announces_interrupts_a_step(engine: Engine) -> None:
    """It is found by looking, as everything is, though the handler waits for nobody but itself."""
    await engine.worker("trees.py", missing_poll=0.1)
    client = await engine.client()
    id = await client.send("Tree", "busy", 3600.0)
    await until(lambda: engine.ledger.count("begin", id=id), 60, "the step begins")
    cancel = "row(invocation_uuid(%s), 'cancel', null, null, null, null)::pgdurable_engine.signal"
    assert engine.database.value(f"select s.answers from pgdurable_engine.signal(array[{cancel}]) s", id)
    await fails_with(client, id, "cancel")


@pytest.mark.slow
@pytest.mark.parametrize("inactivity_timeout", [60.0, 0.0])
async def test_a_cancelled_tree_is_undone_from_the_leaves(engine: Engine, inactivity_timeout: float) -> None:
    await engine.workers(2, "trees.py", inactivity_timeout=inactivity_timeout)
    client = await engine.client()
    id = await client.send("Tree", "grow", 3)
    await until(lambda: engine.ledger.count("rest"), 60, "the tree is grown")
    assert engine.database.control("cancel", id) == "accepted"
    await fails_with(client, id, "cancel")
    await engine.database.finishes(60)
    undone = engine.ledger.lines("undo")
    assert sorted(line["depth"] for line in undone) == [0, 1, 2, 3]
    engine.database.sound()


@pytest.mark.slow
async def test_a_killed_tree_is_gone_at_once(engine: Engine) -> None:
    await engine.workers(2, "trees.py")
    client = await engine.client()
    id = await client.send("Tree", "grow", 3)
    await until(lambda: engine.ledger.count("rest"), 60, "the tree is grown")
    assert engine.database.control("kill", id) == "done"
    assert engine.database.unfinished() == []
    await fails_with(client, id, "killed")
    assert engine.ledger.count("undo") == 0
    engine.database.sound()
    # The key of the leaf is free again.
    other = await client.send("Leaf", "rest", 0.0, key="leaf")
    async with asyncio.timeout(60):
        await client.attach(other)


async def test_killing_stops_what_runs(engine: Engine) -> None:
    await engine.worker("trees.py")
    client = await engine.client()
    id = await client.send("Tree", "busy", 3600.0)
    await until(lambda: engine.ledger.count("begin", id=id), 60, "the step begins")
    assert engine.database.control("kill", id) == "done"
    await fails_with(client, id, "killed")
    await until(lambda: engine.ledger.count("end", id=id), 60, "its worker lets go of it")


async def test_pause_and_resume(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    id = await client.send("Greeter", "work", 0.4)
    await until(lambda: engine.ledger.count("begin", id=id), 60, "the long step begins")
    assert engine.database.control("pause", id) == "accepted"
    assert engine.database.status(id) == "paused"
    assert engine.database.control("pause", id) == "done"
    assert engine.database.control("resume", id) == "accepted"
    async with asyncio.timeout(60):
        await client.attach(id)
    assert engine.ledger.count("first", id=id) == 1
    assert engine.ledger.count("begin", id=id) == 2
    engine.database.sound()


@pytest.mark.slow
async def test_pausing_and_resuming_all_the_time(engine: Engine) -> None:
    """However hints and leases overtake each other, it gets done, and each step once it is journaled."""
    await engine.workers(2, "basic.py")
    client = await engine.client()
    ids = [await client.send("Greeter", "work", 0.1) for _ in range(10)]
    for _ in range(15):
        for id in ids:
            engine.database.control("pause", id)
            engine.database.control("resume", id)
        await asyncio.sleep(0.01)
    await engine.database.finishes(60)
    assert engine.database.unsuccessful() == []
    engine.database.sound()
    for id in ids:
        assert [name for type_, name, _ in engine.database.journal(id) if type_ == "Run"] == ["first", "long"]


async def test_what_is_over_cannot_be_controlled(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    id = await client.send("Greeter", "greet", "Mary")
    await client.attach(id)
    for what in ("cancel", "kill", "pause", "resume"):
        assert engine.database.control(what, id) == "completed"
    assert await client.attach(id) == "Hello Mary"
