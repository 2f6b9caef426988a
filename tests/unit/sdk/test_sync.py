"""Handlers that are plain functions, in threads."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from pgdurable_sdk import Service, SyncContext, TerminalError, UsageError, VirtualObject, Workflow
from pgdurable_sdk.journal.entries import EntryType
from pgdurable_sdk.runtime import Failed, Suspended
from tests.unit.sdk.world import World, failed, returned

service = Service("Sync")
account = VirtualObject("Account")
flow = Workflow("Flow")


def two() -> int:
    return 2


async def three() -> int:
    return 3


@account.handler()
def everything(ctx: SyncContext, amount: int) -> list[Any]:
    assert threading.current_thread() is not threading.main_thread()
    balance = ctx.get("balance", type_hint=int) or 0
    ctx.set("balance", balance + amount)
    steps = [ctx.run_typed("two", two), ctx.run("three", three)]
    ctx.sleep(timedelta(seconds=1))
    reply = ctx.generic_call("Other", "handler", b"").decode()
    ctx.generic_send("Other", "handler", b"").invocation_id()
    return [ctx.key(), ctx.get("balance"), ctx.state_keys(), steps, reply]


async def test_its_context_waits_and_returns_values() -> None:
    world = World(everything, input=b"5", key="Ada", state={"balance": b"1"})
    await world.attempt()
    world.fire(5)
    await world.settle()
    world.complete(6, b"hi")
    assert await world.ending() == returned(["Ada", 6, ["balance"], [2, 3], "hi"])
    await world.replays()


@service.handler()
def waiting(ctx: SyncContext) -> Any:
    _, future = ctx.awakeable(type_hint=int)
    return future.result()


async def test_it_is_suspended_as_any_handler() -> None:
    world = World(waiting)
    await world.attempt()
    assert await world.suspended() == Suspended([-17], 0)
    world.execution = None
    world.signal(17, b"4")
    assert await world.finish() == returned(4)


async def test_it_is_cancelled_as_any_handler() -> None:
    world = World(waiting)
    await world.attempt()
    world.cancel()
    assert await world.ending() == failed(409, "cancelled")


async def test_a_mismatch_ends_it() -> None:
    world = World(everything, input=b"5", key="Ada")
    await world.attempt()
    await world.suspended()
    world.input = b"6"
    ending = await world.replays_as(everything)
    assert "SetState 'balance' with 5" in ending.message
    assert "SetState 'balance' with 6" in ending.message


@service.handler()
def failing(ctx: SyncContext) -> None:
    raise ValueError("flaky")


@service.handler()
def failing_for_good(ctx: SyncContext) -> None:
    raise TerminalError("no", 403)


async def test_its_errors_end_the_attempt() -> None:
    ending = await World(failing).finish()
    assert isinstance(ending, Failed)
    assert 'raise ValueError("flaky")' in (ending.stacktrace or "")
    assert await World(failing_for_good).finish() == failed(403, "no")


@flow.main()
def promising(ctx: SyncContext) -> Any:
    promise = ctx.promise("approval", type_hint=bool)
    promise.resolve(True)
    return promise.value()


async def test_its_promises_wait() -> None:
    world = World(promising)
    await world.attempt()
    world.fire(1)
    await world.settle()
    world.complete(2, b"true")
    assert await world.ending() == returned(True)
    assert world.types == [EntryType.COMPLETE_PROMISE, EntryType.GET_PROMISE]


async def test_a_thread_is_released_when_the_process_ends() -> None:
    others = set(threading.enumerate())
    world = World(waiting)
    await world.attempt()
    assert world.task is not None
    world.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await world.task
    for thread in set(threading.enumerate()) - others:
        await asyncio.to_thread(thread.join, 60)
        assert not thread.is_alive(), "the thread still waits"


@service.handler()
def too_much_in_a_step(ctx: SyncContext) -> list[str]:
    def inside() -> str:
        try:
            ctx.sleep(timedelta(seconds=1))
        except UsageError as error:
            return str(error)
        return "it slept"

    async def inside_the_loop() -> str:
        return inside()

    in_a_thread: str = ctx.run_typed("thread", inside)
    in_the_loop: str = ctx.run("loop", inside_the_loop)
    return [in_a_thread, in_the_loop]


async def test_its_context_is_not_for_steps() -> None:
    """It says so at once; to wait for the handler's turn would be to wait for the step itself."""
    ending = await World(too_much_in_a_step).finish()
    assert str(ending).count("the context cannot be used inside ctx.run") == 2
