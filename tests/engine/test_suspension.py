"""Who waits may be put away at any time and replayed: results are the same, and nothing happens twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.engine.programs import Programs, check, seeded

if TYPE_CHECKING:
    from tests.engine.conftest import Engine


@pytest.mark.slow
@pytest.mark.parametrize("turn", [1, 2])
async def test_every_wait_is_a_suspension(engine: Engine, turn: int) -> None:
    """With no patience at all each await is replayed by another worker: so this tests replay, too."""
    programs = Programs(seeded(turn))
    await engine.workers(2, "programs.py", inactivity_timeout=0.0)
    client = await engine.client()
    made = [programs.make() for _ in range(40)]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(client.call("Programs", "run", program) for program in made))
    await engine.database.finishes(60)
    check(engine.database, engine.ledger, programs.expected)
    assert [len(result) for result in results] == [len(program) for program in made]
    assert engine.ledger.count("attempt") > len(made) * 2, "most of them were suspended"
    # Nobody was killed, so every step was executed just once.
    executed = [(line["id"], line["name"]) for line in engine.ledger.lines("step")]
    assert len(executed) == len(set(executed))


@pytest.mark.slow
async def test_who_waits_for_long_costs_nothing_but_rows(engine: Engine) -> None:
    worker = await engine.worker("basic.py", inactivity_timeout=0.05)
    client = await engine.client()
    ids = [await client.send("Greeter", "pause", 3600.0) for _ in range(20)]
    for id in ids:
        await engine.database.reaches(id, "suspended")
    assert engine.database.rows("select * from running") == []
    assert await client.call("Greeter", "greet", "Mary") == "Hello Mary"
    assert worker.exit_code is None


@pytest.mark.slow
async def test_a_worker_without_room_puts_away_who_waits(engine: Engine) -> None:
    """Callers fill all the room there is, and what they call needs room, too."""
    await engine.worker("basic.py", resident=4)
    client = await engine.client()
    parts = [{"handler": "greet", "argument": '"Mary"'}] * 2
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(client.call("Greeter", "delegate", parts) for _ in range(12)))
    assert results == [['"Hello Mary"'] * 2] * 12
    engine.database.sound()
