"""Whoever blocks the event loop is named, with the line; whoever does not, is not."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator  # noqa: TC003 (read at run time)
from typing import Any

import pytest

from pgdurable.engine.blocking import LoopWatch, Stall
from pgdurable_sdk import Context, RunOptions, Service
from tests.unit.sdk.world import World, returned

LONGEST = 0.04
BLOCKED = 12 * LONGEST
"""Long enough to be seen twice on a machine that has other things to do."""
service = Service("Blocking")


@pytest.fixture(autouse=True)
async def watch() -> AsyncGenerator[None]:
    task = asyncio.create_task(LoopWatch(LONGEST).run())
    await asyncio.sleep(0)
    yield
    task.cancel()


@service.handler()
async def sleeps(ctx: Context, times: int) -> int:
    for _ in range(times):
        time.sleep(BLOCKED)  # noqa: ASYNC251 (what this is about)
        await asyncio.sleep(LONGEST)  # the watch looks, and the loop turns
    return times


@service.handler()
async def in_a_step(ctx: Context) -> None:
    async def step() -> None:
        time.sleep(BLOCKED)  # noqa: ASYNC251

    await ctx.run_typed("step", step)
    await asyncio.sleep(LONGEST)


@service.handler()
async def beside(ctx: Context) -> None:
    async def step() -> None:
        time.sleep(BLOCKED)  # noqa: ASYNC251

    future = ctx.run_typed("step", step)
    ctx.generic_send("Other", "handler", b"")
    await future
    await asyncio.sleep(LONGEST)


@service.handler()
async def computes(ctx: Context) -> None:
    """In C, without letting go of the interpreter."""
    re.match(r"(a|aa)+$", "a" * 32 + "b")
    await asyncio.sleep(LONGEST)


@service.handler()
async def in_a_thread(ctx: Context) -> None:
    await ctx.run_typed("step", time.sleep, RunOptions(), BLOCKED)


@service.handler()
def plain(ctx: Any) -> None:
    time.sleep(BLOCKED)


async def told_of(
    caplog: pytest.LogCaptureFixture, place: str, function: Any, input: bytes = b""
) -> list[str]:
    """What is said of this place: a busy machine may keep the loop from turning elsewhere, too."""
    return [message for message in await told(caplog, function, input) if place in message]


async def told(caplog: pytest.LogCaptureFixture, function: Any, input: bytes = b"") -> list[str]:
    with caplog.at_level(logging.WARNING, "pgdurable.blocking"):
        world = World(function, input=input)
        await world.finish()
    return [record.getMessage() for record in caplog.records if record.name == "pgdurable.blocking"]


async def test_a_handler_that_sleeps_is_named(caplog: pytest.LogCaptureFixture) -> None:
    (message,) = await told_of(caplog, "time.sleep", sleeps, b"1")
    assert re.match(
        r"Blocking/sleeps inv_1\w+ has blocked the event loop for 0\.\d+ s, at tests/unit", message
    )
    assert re.search(r"test_blocking\.py:\d+ in sleeps: `time\.sleep\(BLOCKED\)", message)
    assert "a plain `def`, which gets a thread" in message


async def test_each_line_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    assert len(await told_of(caplog, "time.sleep", sleeps, b"2")) == 1


@pytest.mark.parametrize("function", [in_a_step, beside])
async def test_a_step_is_named_too(caplog: pytest.LogCaptureFixture, function: Any) -> None:
    (message,) = await told_of(caplog, "time.sleep", function)
    assert "in step: `time.sleep" in message


async def test_code_that_keeps_the_interpreter_is_named(caplog: pytest.LogCaptureFixture) -> None:
    (message,) = await told_of(caplog, "re.match", computes)
    assert "in computes: `re.match(" in message


@pytest.mark.parametrize("function", [in_a_thread, plain])
async def test_threads_may_block(caplog: pytest.LogCaptureFixture, function: Any) -> None:
    assert await told(caplog, function) == []


async def test_a_loop_that_others_block_is_nobodys_fault(caplog: pytest.LogCaptureFixture) -> None:
    world = World(sleeps, input=b"0")
    with caplog.at_level(logging.WARNING, "pgdurable.blocking"):
        time.sleep(BLOCKED)  # noqa: ASYNC251
        await asyncio.sleep(LONGEST)
        assert await world.finish() == returned(0)
    assert caplog.records == []


async def test_who_was_seen_once_may_have_been_there_by_chance() -> None:
    one, other = object(), object()
    stall = Stall(0.0)
    for seen, proven in ((one, False), (other, False), (None, False), (other, True)):
        stall.saw(None if seen is None else Seen(seen), 1)  # type: ignore[arg-type]  # pyright: ignore
        assert stall.proven is proven


class Seen:
    """As much of a culprit as counts here."""

    def __init__(self, execution: object) -> None:
        self.execution = execution
