"""A key belongs to one exclusive handler at a time, in order of arrival; shared handlers go round that."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine
    from tests.engine.ledger import Line

KEYS = [f"key-{number}" for number in range(6)]


def by_key(lines: list[Line]) -> dict[str, list[Line]]:
    grouped: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.kind in ("begin", "end"):
            grouped[line["key"]].append(line)
    return grouped


def overlaps(lines: list[Line]) -> list[str]:
    """Whoever did something on a key between the begin and the end of another; begun again is the same."""
    found: list[str] = []
    holder: str | None = None
    for line in lines:
        if holder not in (None, line["id"]):
            found.append(f"{line.kind} of {line['id']} while {holder} runs")
        holder = line["id"] if line.kind == "begin" else None
    return found


@pytest.mark.slow
@pytest.mark.parametrize("handler", ["add", "add_slowly"])
async def test_one_at_a_time_and_first_come_first_served(engine: Engine, handler: str) -> None:
    await engine.workers(3, "basic.py", resident=2)  # so that one worker cannot take everything
    clients = [await engine.client(), await engine.client()]
    sent: dict[str, list[str]] = defaultdict(list)

    async def fill(number: int, key: str) -> None:
        # One client a key, one request after the other: that is the order of arrival.
        sent[key] += [
            await clients[number % 2].send("Counter", handler, amount, key=key) for amount in range(1, 26)
        ]

    await asyncio.gather(*(fill(number, key) for number, key in enumerate(KEYS)))
    await engine.database.finishes(60)

    lines = by_key(engine.ledger.lines())
    assert {key: overlaps(lines[key]) for key in KEYS} == {key: [] for key in KEYS}
    for key in KEYS:
        assert [line["id"] for line in lines[key] if line.kind == "end"] == sent[key], key
    assert engine.database.counters("Counter") == dict.fromkeys(KEYS, sum(range(1, 26)))
    assert len({line.pid for line in engine.ledger.lines()}) > 1, "all workers took part"
    engine.database.sound()


@pytest.mark.slow
async def test_a_crowd_on_one_key_is_one_queue(engine: Engine) -> None:
    await engine.workers(3, "basic.py")
    clients = [await engine.client(), await engine.client()]
    counts = await asyncio.gather(
        *(clients[number % 2].call("Counter", "add", 1, key="hot") for number in range(120))
    )
    assert sorted(counts) == list(range(1, 121))
    assert overlaps(by_key(engine.ledger.lines())["hot"]) == []
    engine.database.sound()


async def test_shared_handlers_do_not_wait(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    assert await client.call("Counter", "add", 5, key="k") == 5
    holding = await client.send("Counter", "hold", 30, key="k")
    await until(lambda: engine.ledger.count("begin", id=holding), 60, "the key is held")
    waiting = await client.send("Counter", "add", 1, key="k")
    async with asyncio.timeout(20):
        assert await client.call("Counter", "get", key="k") == 5
    assert engine.database.status(waiting) == "pending"


async def test_other_keys_do_not_wait(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    await client.send("Counter", "hold", 30, key="k")
    async with asyncio.timeout(20):
        assert await client.call("Counter", "add", 1, key="other") == 1
