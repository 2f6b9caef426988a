"""Explicit recovery: every attempt begins from the start, and its journal is behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pgdurable import Context, ObjectContext, RunOptions, Service, TerminalError, VirtualObject, Workflow
from pgdurable._preview import explicit_recovery
from pgdurable_sdk.handler import handler_of
from pgdurable_sdk.journal.entries import EntryType, Outcome
from pgdurable_sdk.port import Failed, Released
from tests.unit.sdk.world import World, failed, returned

service = Service("Service")
done: list[str] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


# --- what it is for


def test_of_one_handler() -> None:
    some = Service("Some")

    @explicit_recovery
    @some.handler()
    async def recovers(ctx: Context) -> None: ...

    @some.handler()
    async def replays(ctx: Context) -> None: ...

    assert handler_of(recovers).recovery.explicit
    assert some.handlers["recovers"].recovery.explicit
    assert not handler_of(replays).recovery.explicit


@pytest.mark.parametrize("kind", [Service, VirtualObject, Workflow])
def test_of_all_handlers_whenever_they_are_declared(kind: type[Service | VirtualObject | Workflow]) -> None:
    definition = kind("Some")

    @definition.handler()
    async def before(ctx: Any) -> None: ...

    assert explicit_recovery(definition) is definition

    @definition.handler()
    async def after(ctx: Any) -> None: ...

    assert handler_of(before).recovery.explicit
    assert handler_of(after).recovery.explicit
    manifest = definition.manifest()
    assert all(handler.explicit_recovery for handler in manifest.handlers)


def test_of_what_is_no_handler() -> None:
    with pytest.raises(TypeError, match="is not a handler"):
        explicit_recovery(len)


# --- what it does


@explicit_recovery
@service.handler()
async def works(ctx: Context) -> str:
    await ctx.run_typed("step", note, RunOptions(), "step")
    call = ctx.generic_call("Other", "get", b"")
    return (await call).decode()


async def note(what: str) -> str:
    done.append(what)
    return what


async def test_the_first_attempt_is_as_any_other() -> None:
    world = World(works)
    await world.attempt()
    world.complete(2, b"there")
    assert await world.ending() == returned("there")
    assert world.types == [EntryType.RUN, EntryType.CALL]


async def test_the_next_attempt_does_all_of_it_again() -> None:
    world = World(works)
    await world.attempt()
    first = world.rows[2].target_id
    await world.attempt()
    assert world.types == [EntryType.RUN, EntryType.CALL, EntryType.RUN, EntryType.CALL]
    assert world.rows[4].target_id != first, "a new request"
    world.complete(2, b"of the call before")
    world.complete(4, b"there")
    assert await world.ending() == returned("there")
    assert done == ["step", "step"]


async def test_another_handler_is_not_found_out() -> None:
    """There is nothing that it would have to be like."""
    world = World(works)
    await world.attempt()
    world.handler = handler_of(waits)
    await world.attempt()
    world.fire(3)
    assert await world.ending() == returned("awake")


@explicit_recovery
@service.handler()
async def waits(ctx: Context) -> str:
    await ctx.sleep(timedelta(hours=1))
    return "awake"


async def test_it_is_not_put_away_but_given_back() -> None:
    """Where it waits nothing leads back to."""
    world = World(waits)
    await world.attempt()
    assert world.execution is not None
    world.execution.suspend()
    assert isinstance(await world.ending(), Released)


async def test_always_replay_lets_it_be() -> None:
    world = World(waits)
    world.always_replay = True
    await world.attempt()
    world.fire(1)
    assert await world.ending() == returned("awake")


counter = explicit_recovery(VirtualObject("Counter"))


@counter.handler()
async def add(ctx: ObjectContext) -> int:
    count = (await ctx.get("count", type_hint=int) or 0) + 1
    ctx.set("count", count)
    await ctx.sleep(timedelta(seconds=1))
    return count


async def test_state_is_read_as_it_is_by_then() -> None:
    world = World(add)
    await world.attempt()
    world.state = {"count": b"1"}  # committed, and given to the next attempt
    await world.attempt()
    world.fire(6)
    assert await world.ending() == returned(2)


@explicit_recovery
@service.handler()
async def signalled(ctx: Context) -> list[str]:
    first = await ctx.signal("word", type_hint=str)
    return [first, await ctx.signal("word", type_hint=str)]


async def test_signals_are_there_in_each_attempt() -> None:
    world = World(signalled)
    await world.attempt()
    world.signal("word", b'"one"')
    await world.settle()
    await world.attempt()
    world.signal("word", b'"two"')
    assert await world.ending() == returned(["one", "two"])


@explicit_recovery
@service.handler()
async def compensates(ctx: Context) -> None:
    try:
        await ctx.sleep(timedelta(hours=1))
    except TerminalError:
        await ctx.run_typed("undo", note, RunOptions(), "undo")
        raise


async def test_a_cancellation_is_raised_in_each_attempt() -> None:
    world = World(compensates)
    await world.attempt()
    world.cancel()
    assert await world.ending() == failed(409, "cancelled")
    assert await world.finish() == failed(409, "cancelled")
    assert done == ["undo", "undo"]


async def test_the_order_in_the_journal_holds() -> None:
    """Commands of later attempts have seen what came before them."""
    world = World(signalled)
    await world.attempt()
    world.signal("word", b'"one"')
    await world.settle()
    world.handler = handler_of(waits)
    await world.attempt()
    assert [row.seen for row in world.rows] == [0, 1]


@explicit_recovery
@service.handler()
async def awaits(ctx: Context) -> None:
    ctx.awakeable()


async def test_awakeables_need_a_replay() -> None:
    ending = await World(awaits).finish()
    assert isinstance(ending, Failed)
    assert ending.message.startswith("awakeables need a replay")


@explicit_recovery
@service.handler()
async def tries(ctx: Context) -> None:
    await ctx.run_typed("before", note, RunOptions(), "before")
    await ctx.run_typed("fails", fail, RunOptions(max_attempts=3))


async def fail() -> None:
    raise ValueError("no")


async def test_failures_are_counted_over_all_attempts() -> None:
    """Though the journal has grown since."""
    world = World(tries)
    for failures in (0, 1):
        world.retry_count = failures
        assert isinstance(await world.finish(), Failed)
    world.retry_count = 2
    assert await world.finish() == failed(500, "no")
    assert world.rows[-1].outcome == Outcome.FAILURE
