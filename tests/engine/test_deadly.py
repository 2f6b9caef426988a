"""An invocation that kills its process every time is paused; what ran beside it is done, and not blamed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.engine.conftest import Engine
    from tests.engine.processes import Process

SETTINGS = {"reap": 0.2}


@asynccontextmanager
async def kept(engine: Engine, number: int = 1) -> AsyncGenerator[list[Process]]:
    """Workers, each replaced as soon as it has ended, as whoever runs them does it."""
    workers = [engine.begin("deadly.py", settings=SETTINGS) for _ in range(number)]

    async def keep(place: int) -> None:
        while True:
            await workers[place].ended(600)
            workers[place] = engine.begin("deadly.py", settings=SETTINGS)

    async with asyncio.TaskGroup() as group:
        keepers = [group.create_task(keep(place)) for place in range(number)]
        yield workers
        for keeper in keepers:
            keeper.cancel()


@pytest.mark.one_version
@pytest.mark.slow
@pytest.mark.parametrize(
    ("handler", "how"),
    [("dies", "exit"), ("dies_in_a_step", "segfault")],
)
async def test_it_is_paused_and_its_neighbours_are_done(engine: Engine, handler: str, how: str) -> None:
    async with kept(engine, 2):
        client = await engine.client(**SETTINGS)
        neighbours = [await client.send("Deadly", "works", 1.0) for _ in range(5)]
        poison = await client.send("Deadly", handler, how)
        await engine.database.reaches(poison, "paused", within=240)
        failure: Any = engine.database.failure(poison)
        assert failure[0] == 0, "its failures are counted elsewhere"
        assert "died, as 3 before it did; mend what kills it, and resume it" in failure[1]
        # More where it was begun with others, as workers came back late: nobody is paused for such a death.
        assert engine.ledger.count("attempt", id=poison) >= 4
        assert engine.ledger.count("first") == (handler == "dies_in_a_step"), (
            "a journaled step is not done again"
        )
        async with asyncio.timeout(240):
            assert [await client.attach(id) for id in neighbours] == ["done"] * 5
    assert [type_ for type_, _ in engine.database.failed_attempts()] == ["Paused"], "nobody else has failed"


@pytest.mark.one_version
@pytest.mark.slow
async def test_a_follower_is_blamed_and_not_who_held_the_key_before(engine: Engine) -> None:
    """It is begun ahead of its turn, where no table says that it runs."""
    worker = await engine.worker("deadly.py", **SETTINGS)
    client = await engine.client(**SETTINGS)
    worker.kill()
    good = [await client.send("Lane", "follow", "", key="k") for _ in range(3)]
    poison = await client.send("Lane", "follow", "exit", key="k")
    behind = await client.send("Lane", "follow", "", key="k")
    async with kept(engine):
        await engine.database.reaches(poison, "paused", within=240)
        assert [engine.database.status(id) for id in good] == ["completed"] * 3
        assert engine.database.status(behind) == "pending"
        assert engine.database.control("kill", poison) == "done"
        async with asyncio.timeout(60):
            assert await client.attach(behind) == "done"
    assert [type_ for type_, _ in engine.database.failed_attempts()] == ["Paused"]


@pytest.mark.one_version
@pytest.mark.slow
async def test_what_dies_before_it_was_accepted_was_never_there(engine: Engine) -> None:
    """A request that is begun while it is being accepted: its client is cut off, and nobody tries again."""
    process = await engine.begin("deadly.py", ingress=True, settings=SETTINGS).ready()
    async with httpx.AsyncClient(timeout=60) as http:
        await http.post(
            f"http://127.0.0.1:{process.port}/Deadly/works", json=0
        )  # from now on it surely serves
        with pytest.raises(httpx.TransportError):
            await http.post(f"http://127.0.0.1:{process.port}/Deadly/dies", json="exit")
    assert await process.ended() == 7
    successor = await engine.begin("deadly.py", ingress=True, settings=SETTINGS).ready()
    async with httpx.AsyncClient(timeout=60) as http:
        done = await http.post(f"http://127.0.0.1:{successor.port}/Deadly/works", json=0)
    assert done.json() == "done"
    assert engine.ledger.count("attempt") == 1
    assert engine.database.rows("select handler from invocation") == [("works",)] * 2


async def test_memory_that_cannot_be_had_fails_one_attempt_and_no_process(engine: Engine) -> None:
    worker = await engine.worker("deadly.py", **SETTINGS)
    client = await engine.client()
    neighbours = [asyncio.create_task(client.call("Deadly", "works", 0.5)) for _ in range(5)]
    hoarder = await client.send("Deadly", "hoards")
    await engine.database.reaches(hoarder, "paused")
    failure: Any = engine.database.failure(hoarder)
    assert failure[0] == 4
    assert "MemoryError" in failure[1]
    assert await asyncio.gather(*neighbours) == ["done"] * 5
    assert worker.exit_code is None


@pytest.mark.one_version
@pytest.mark.slow
async def test_several_processes_behind_one_port_serve_on(engine: Engine) -> None:
    """Who asks for something else in the meantime is answered, now or at the next try."""
    async with kept(engine, 2):
        client = await engine.client(**SETTINGS)
        poison = await client.send("Deadly", "dies", "out of memory")
        answered = 0
        while engine.database.status(poison) != "paused":
            with suppress(TimeoutError):
                async with asyncio.timeout(60):
                    assert await client.call("Deadly", "works", 0) == "done"
                    answered += 1
        assert answered, "how many depends on how long the others take to come back"
    assert [type_ for type_, _ in engine.database.failed_attempts()] == ["Paused"]
