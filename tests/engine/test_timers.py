"""Timers fire on time while the engine is idle, whoever set them and wherever that one is now."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine


@pytest.mark.slow
async def test_a_sleep_ends_on_time(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    await client.call("Greeter", "pause", 0.01)
    late: list[float] = []
    for _ in range(10):
        began = time.monotonic()
        await client.call("Greeter", "pause", 0.2)
        late.append(time.monotonic() - began - 0.2)
    assert min(late) >= 0
    assert median(late) < 0.5, "sooner than by polling"


@pytest.mark.slow
async def test_a_suspended_sleep_ends_on_time(engine: Engine) -> None:
    await engine.worker("basic.py", inactivity_timeout=0.0)
    client = await engine.client()
    await client.call("Greeter", "pause", 0.01)
    late: list[float] = []
    for _ in range(10):
        began = time.monotonic()
        await client.call("Greeter", "pause", 0.2)
        late.append(time.monotonic() - began - 0.2)
    assert min(late) >= 0
    assert median(late) < 0.5, "sooner than by polling"


@pytest.mark.slow
async def test_a_delayed_send_begins_on_time(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    await client.call("Greeter", "greet", "Mary")
    late: list[float] = []
    for number in range(10):
        began = time.time()
        await client.send("Greeter", "greet", f"later {number}", delay=timedelta(milliseconds=200))
        (line,) = await until(partial(engine.ledger.lines, "greet", name=f"later {number}"), 60, "it begins")
        late.append(line.at - began - 0.2)
    assert min(late) >= 0
    assert median(late) < 0.5, "sooner than by polling"


@pytest.mark.slow
async def test_delayed_ones_take_their_turn_in_the_order_of_their_times(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    for delay in (0.5, 0.3, 0.1, 0.4, 0.2):
        await client.send("Counter", "add", 1, key="k", delay=timedelta(seconds=delay))
    await engine.database.finishes(60)
    # Not by their delays: on a busy machine it takes as long until the next one is sent.
    due = engine.database.rows("select id from sys_invocation order by scheduled_start_at")
    assert [line["id"] for line in engine.ledger.lines("begin")] == [id for (id,) in due]


@pytest.mark.slow
async def test_a_timer_outlives_who_set_it(engine: Engine) -> None:
    worker = await engine.worker("basic.py")
    client = await engine.client()
    id = await client.send("Greeter", "pause", 1.0)
    await engine.database.reaches(id, "running")
    worker.kill()
    await engine.worker("basic.py")
    async with asyncio.timeout(60):
        assert await client.attach(id) == "awake"
    lasted = engine.database.value(
        "select extract(epoch from completed_at - created_at)::float8 from sys_invocation"
    )
    assert 1.0 <= lasted < 30.0


@pytest.mark.slow
async def test_a_thousand_timers_at_once(engine: Engine) -> None:
    await engine.workers(2, "basic.py")
    client = await engine.client()
    delay = timedelta(milliseconds=300)
    await asyncio.gather(
        *(client.send("Greeter", "greet", str(number), delay=delay) for number in range(1000))
    )
    await engine.database.finishes(60)
    assert sorted(int(line["name"]) for line in engine.ledger.lines("greet")) == list(range(1000))
