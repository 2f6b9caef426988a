"""Cancellation: fed in its turn, passed on to children, raised once where the handler waits."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from pgdurable_sdk import Context, RunOptions, Service, TerminalError, gather
from pgdurable_sdk.journal.entries import EntryType, Outcome
from tests.unit.sdk.test_steps import Gate
from tests.unit.sdk.world import CHILD, World, failed, returned

service = Service("Cancelled")
gate = Gate()
calls: list[str] = []


@pytest.fixture(autouse=True)
def fresh() -> None:
    global gate
    gate = Gate()
    calls.clear()


async def note(what: str) -> str:
    calls.append(what)
    return what


@service.handler()
async def compensating(ctx: Context) -> str:
    ctx.generic_send("Other", "start", b"")
    finished = ctx.generic_call("Other", "finished", b"")
    await finished
    under_way = ctx.generic_call("Other", "under_way", b"")
    try:
        await under_way
    except TerminalError as error:
        undone = await ctx.run_typed("undo", note, RunOptions(), "undone")
        await ctx.sleep(timedelta(seconds=1))
        return f"{error.status_code} {error.message} {undone}"
    return "went through"


async def test_children_are_cancelled_and_the_handler_compensates() -> None:
    world = World(compensating)
    await world.attempt()
    world.complete(2, b"")
    await world.settle()
    world.cancel()
    await world.settle()
    assert world.types[3:] == [EntryType.SEND_SIGNAL, EntryType.RUN, EntryType.SLEEP]
    signal = world.rows[4]
    assert (signal.target_id, signal.outcome, signal.detail) == (
        world.rows[3].target_id,
        Outcome.VOID,
        '{"signal":1}',
    )
    assert signal.target_id is not None
    assert signal.target_id.int == CHILD.int + 3, "neither the send nor the call that is done"
    assert signal.seen == 2
    world.cancel()  # again: it is compensating already
    world.fire(6)
    assert await world.ending() == returned("409 cancelled undone")
    await world.replays()
    assert calls == ["undone"]


async def test_a_cancelled_handler_that_does_not_care_fails() -> None:
    @service.handler()
    async def sleeper(ctx: Context) -> None:
        await ctx.sleep(timedelta(days=1))

    world = World(sleeper)
    await world.attempt()
    world.cancel()
    assert await world.ending() == failed(409, "cancelled")
    await world.replays()


@service.handler()
async def in_step(ctx: Context) -> Any:
    try:
        return await ctx.run_typed("gate", gate)
    except TerminalError:
        return await ctx.run_typed("undo", note, RunOptions(), "undone")


async def test_a_step_is_interrupted() -> None:
    world = World(in_step)
    task = asyncio.create_task(world.attempt())
    await gate.entered.wait()
    world.cancel()
    await task
    assert await world.ending() == returned("undone")
    assert gate.interrupted
    assert [(row.name, row.outcome, row.seen) for row in world.rows[1:]] == [
        ("gate", None, 0),
        ("undo", "success", 1),
    ]
    assert world.task is not None
    await world.replays()
    assert not gate.open.is_set()


async def test_a_step_is_not_begun_once_cancelled() -> None:
    world = World(in_step)
    world.cancel()
    assert await world.finish() == returned("undone")
    assert not gate.entered.is_set()
    assert [(row.name, row.outcome) for row in world.rows[1:]] == [("gate", None), ("undo", "success")]
    await world.replays()


@service.handler()
async def stubborn(ctx: Context) -> Any:
    async def ignores() -> str:
        try:
            return await gate()
        except asyncio.CancelledError:
            return "ignored"

    return await ctx.run_typed("stubborn", ignores)


@service.handler()
async def converting(ctx: Context) -> Any:
    async def converts() -> str:
        try:
            return await gate()
        except asyncio.CancelledError as error:
            raise RuntimeError("connection lost") from error

    return await ctx.run_typed("converting", converts)


@pytest.mark.parametrize("function", [stubborn, converting])
async def test_a_step_cannot_ignore_it(function: Any) -> None:
    world = World(function)
    task = asyncio.create_task(world.attempt())
    await gate.entered.wait()
    world.cancel()
    await task
    assert await world.ending() == failed(409, "cancelled")
    await world.replays()


@service.handler()
async def asks_again(ctx: Context) -> Any:
    step = ctx.run_typed("gate", gate)
    try:
        return await step
    except TerminalError:
        gate.open.set()
        return await step


async def test_an_interrupted_step_is_executed_again_only_if_asked_for() -> None:
    world = World(asks_again)
    task = asyncio.create_task(world.attempt())
    await gate.entered.wait()
    world.cancel()
    await task
    assert await world.ending() == returned("through")
    await world.replays()


@service.handler()
async def fan_out(ctx: Context) -> str:
    calls = [ctx.generic_call("Other", str(n), b"") for n in range(3)]
    try:
        await gather(*calls)
    except TerminalError:
        return (await calls[1]).decode()
    return "all"


async def test_what_was_called_may_still_be_awaited() -> None:
    world = World(fan_out)
    await world.attempt()
    world.complete(1, b"one")
    world.cancel()
    await world.settle()
    assert world.types[3:] == [EntryType.SEND_SIGNAL] * 2
    assert [row.target_id for row in world.rows[4:]] == [row.target_id for row in world.rows[2:4]]
    world.complete(2, b"late")
    assert await world.ending() == returned("late")
    await world.replays()


async def test_the_engine_ending_the_task_is_no_cancellation_of_the_invocation() -> None:
    world = World(in_step)
    task = asyncio.create_task(world.attempt())
    await gate.entered.wait()
    assert world.task is not None
    world.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await world.task
    await task
    assert world.types == []
