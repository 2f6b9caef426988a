"""State: what a handler reads, after what it wrote, at first and in a replay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pgdurable_sdk import ObjectContext, ObjectSharedContext, VirtualObject
from pgdurable_sdk.journal.entries import EntryType
from pgdurable_sdk.runtime import Failed
from pgdurable_sdk.state import StateView
from tests.unit.sdk.world import World, returned

cart = VirtualObject("Cart")


@cart.handler()
async def changing(ctx: ObjectContext) -> list[Any]:
    seen = [await ctx.get("a"), await ctx.get("b"), await ctx.state_keys()]
    ctx.set("a", 2)
    ctx.clear("b")
    seen += [await ctx.get("a"), await ctx.get("b"), await ctx.state_keys()]
    ctx.clear_all()
    ctx.set("c", None)
    seen += [await ctx.get("a"), await ctx.get("c"), await ctx.state_keys()]
    return seen


EXPECTED = returned([1, 5, ["a", "b"], 2, None, ["a"], None, None, ["c"]])


@pytest.mark.parametrize("complete", [True, False], ids=["eager", "lazy"])
async def test_a_handler_reads_what_it_wrote(complete: bool) -> None:
    world = World(changing, state={"a": b"1", "b": b"5"}, state_complete=complete)
    assert await world.finish() == EXPECTED
    lazy = {EntryType.GET_LAZY_STATE, EntryType.GET_LAZY_STATE_KEYS} & set(world.types)
    assert bool(lazy) is not complete

    world.state = {"c": b""}  # as it is once its writes are applied
    await world.replays()
    world.state_complete = not complete  # it grew, or shrank, in the meantime
    await world.replays()


@pytest.mark.parametrize("cut", range(1, 14))
async def test_a_replay_from_any_point_reads_the_same(cut: int) -> None:
    world = World(changing, state={"a": b"1", "b": b"5"})
    await world.finish()
    rows = list(world.rows)
    del world.rows[cut:]
    applied = StateView({"a": b"1", "b": b"5"}, complete=True)
    for row in world.rows:
        if row.type == EntryType.SET_STATE:
            applied.set(row.name or "", row.value)
        if row.type == EntryType.CLEAR_STATE:
            applied.set(row.name or "", None)
        if row.type == EntryType.CLEAR_ALL_STATE:
            applied.clear_all()
    world.state = {name: applied.get(name) or b"" for name in applied.keys()}  # noqa: SIM118
    assert await world.finish() == EXPECTED
    assert world.rows == rows


async def test_the_map_given_is_not_changed() -> None:
    state = {"a": b"1", "b": b"5"}
    await World(changing, state=state).finish()
    assert state == {"a": b"1", "b": b"5"}


@cart.handler()
async def reading_late(ctx: ObjectContext) -> list[Any]:
    later = ctx.get("a")
    ctx.set("b", 1)
    value = await later
    await ctx.sleep(timedelta(seconds=1))
    return [value, await ctx.get("a")]


@pytest.mark.parametrize("complete", [True, False], ids=["eager", "lazy"])
async def test_a_read_may_be_awaited_later(complete: bool) -> None:
    world = World(reading_late, state={"a": b"1"}, state_complete=complete)
    await world.attempt()
    world.fire(3)
    assert await world.ending() == returned([1, 1])
    await world.replays()


@cart.handler(kind="shared")
async def shared(ctx: ObjectSharedContext) -> list[Any]:
    return [ctx.key(), await ctx.get("a"), await ctx.state_keys()]


async def test_a_replay_of_a_shared_handler_sees_what_it_saw() -> None:
    world = World(shared, key="Mary", state={"a": b"1"})
    assert await world.finish() == returned(["Mary", 1, ["a"]])
    world.state = {"a": b"2", "b": b"3"}
    await world.replays()


@cart.handler(kind="shared")
async def acting_on_state(ctx: ObjectSharedContext) -> Any:
    seats = await ctx.get("a")

    async def mail() -> Any:
        return seats

    return await ctx.run_typed("mail", mail)


async def test_what_a_shared_handler_read_is_committed_before_it_acts() -> None:
    world = World(acting_on_state, state={"a": b"1"})
    assert await world.finish() == returned(1)
    assert world.commits == 2


@cart.handler(kind="shared")
async def shared_writing(ctx: Any) -> None:
    ctx.set("a", 1)


async def test_a_shared_handler_cannot_write() -> None:
    ending = await World(shared_writing).finish()
    assert isinstance(ending, Failed)
    assert "a shared handler only reads state" in ending.message
