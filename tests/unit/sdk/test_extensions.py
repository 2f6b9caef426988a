"""Libraries inside handlers: the context without being handed it, what context managers yield, the log."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable_sdk import Context, Service, SyncContext, ids
from pgdurable_sdk.extensions import contextvar, current_context
from pgdurable_sdk.logging import InvocationFilter, getLogger, is_replaying
from tests.unit.sdk.world import ID, World, returned

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

HOUR = timedelta(hours=1)


@contextvar
@asynccontextmanager
async def connection(name: str = "main") -> AsyncGenerator[str]:
    yield f"connection to {name}"


service = Service("Extended", invocation_context_managers=[connection])
seen: list[Any] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    seen.clear()


async def library() -> str:
    ctx = current_context()
    assert isinstance(ctx, Context)
    return await ctx.run_typed("in a library", lambda: "done")


@service.handler()
async def with_library(ctx: Context) -> list[Any]:
    return [current_context() is ctx, await library(), connection.value]


@service.handler()
def in_thread(ctx: SyncContext) -> list[Any]:
    return [current_context() is ctx, connection.value]


async def test_a_library_finds_the_context() -> None:
    assert current_context() is None
    world = World(with_library)
    assert await world.finish() == returned([True, "done", "connection to main"])
    assert await World(in_thread).finish() == returned([True, "connection to main"])


async def test_what_a_context_manager_yields_is_there_while_it_is_entered() -> None:
    async with connection("other"):
        assert connection.value == "connection to other"
        async with connection("inner"):
            assert connection.value == "connection to inner"
        assert connection.value == "connection to other"
    with pytest.raises(LookupError) as error:
        _ = connection.value
    assert str(error.value) == (
        "connection is not entered here: list it in invocation_context_managers of the service or the "
        "handler, or use `async with connection():`"
    )


@service.handler()
async def waits(ctx: Context) -> str:
    event = ctx.request().attempt_finished_event
    seen.append(event)
    seen.append(asyncio.ensure_future(event.wait()))
    assert not event.is_set()
    await ctx.sleep(HOUR)
    return "rested"


@pytest.mark.parametrize("how", ["suspended", "aborted", "returned"])
async def test_the_end_of_an_attempt_is_an_event(how: str) -> None:
    world = World(waits)
    await world.attempt()
    assert world.task is not None
    match how:
        case "suspended":
            await world.suspended()
        case "aborted":
            world.task.cancel()
        case _:
            world.fire(1)
    await asyncio.wait([world.task])
    event, waiting = seen
    assert event.is_set()
    await waiting
    await event.wait()


@service.handler()
async def asks(ctx: Context) -> None:
    request = ctx.request()
    seen.append((request.id, request.headers, request.attempt_headers, request.body, request.scope))
    first = [ctx.uuid(), ctx.random().random()]
    await ctx.sleep(HOUR)
    seen.append([*first, ctx.uuid(), ctx.random().random()])


async def test_the_request_and_random_numbers_are_the_same_in_a_replay() -> None:
    world = World(asks)
    await world.attempt()
    world.fire(1)
    await world.ending()
    await world.replays()
    assert seen[0] == seen[2] == (ids.format_id(ID), {"traceparent": "00"}, {}, b"", None)
    assert seen[1] == seen[3]
    assert seen[1][0] != seen[1][2]


@service.handler()
async def logs(ctx: Context) -> bool:
    getLogger("extended").warning("before")
    first = is_replaying()
    await ctx.run_typed("step", lambda: None)
    getLogger("extended").warning("after")
    return first


async def test_records_say_which_invocation_they_are_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(InvocationFilter())
    await World(logs).finish()
    logging.getLogger("extended").warning("outside")
    of = [(record.message, *fields(record)) for record in caplog.records]
    target = (ids.format_id(ID), "Extended/logs")
    assert of == [("before", *target), ("after", *target), ("outside", "-", "-")]


def fields(record: logging.LogRecord) -> tuple[Any, Any]:
    return vars(record)["invocation_id"], vars(record)["invocation_target"]


async def test_a_replay_does_not_log_again(caplog: pytest.LogCaptureFixture) -> None:
    world = World(logs)
    assert await world.finish() == returned(False)
    del world.rows[2:]
    assert await world.finish() == returned(True)
    assert [record.message for record in caplog.records] == ["before", "after", "after"]
