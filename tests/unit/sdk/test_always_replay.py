"""Always-replay: an attempt ends at the first await after it has journaled something."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pgdurable_sdk import Context, ObjectContext, Service, VirtualObject, gather
from pgdurable_sdk.port import Released
from tests.unit.sdk.world import World, returned

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

service = Service("Service")
objects = VirtualObject("Objects")
executed: list[str] = []


async def step(name: str) -> str:
    executed.append(name)
    return name


def replayed(function: Callable[..., Any], **given: Any) -> World:
    executed.clear()
    world = World(function, **given)
    world.always_replay = True
    return world


@service.handler()
async def two_steps(ctx: Context) -> str:
    return await ctx.run("a", step, args=("a",)) + await ctx.run("b", step, args=("b",))


async def test_each_step_ends_an_attempt_and_is_executed_once() -> None:
    world = replayed(two_steps)
    assert await world.finish() == Released(0)
    assert await world.finish() == Released(0)
    assert await world.finish() == returned("ab")
    assert executed == ["a", "b"]


@objects.handler()
async def reads(ctx: ObjectContext) -> list[str | None]:
    first = await ctx.get("name", type_hint=str)
    ctx.set("name", "new")
    return [first, await ctx.get("name", type_hint=str)]


async def test_so_does_each_read_of_state() -> None:
    world = replayed(reads, state={"name": b'"old"'})
    assert [type(await world.finish()) for _ in range(2)] == [Released, Released]
    assert await world.finish() == returned(["old", "new"])


@service.handler()
async def sleeps(ctx: Context) -> None:
    await ctx.sleep(timedelta(hours=1))


async def test_what_waits_for_a_notification_is_suspended_for_it() -> None:
    world = replayed(sleeps)
    await world.attempt()
    suspended = await world.ending()
    assert getattr(suspended, "awaiting", None) == [1]
    world.fire(1)
    assert await world.finish() == returned(None)


@service.handler()
async def side_by_side(ctx: Context) -> str:
    both = await gather(ctx.run("a", step, args=("a",)), ctx.run("b", step, args=("b",)))
    return "".join([await one for one in both])


async def test_steps_side_by_side_are_all_finished_first() -> None:
    world = replayed(side_by_side)
    assert await world.finish() == Released(2)
    assert await world.finish() == returned("ab")
    assert sorted(executed) == ["a", "b"]


@service.handler()
async def stubborn(ctx: Context) -> str:
    try:
        return await ctx.run("a", step, args=("a",))
    except BaseException:  # noqa: BLE001 -- what a handler must not do
        return "swallowed"


async def test_a_handler_that_swallows_the_end_of_its_attempt_is_told() -> None:
    ending = await replayed(stubborn).finish()
    assert "swallowed the SuspendedException" in getattr(ending, "message", "")


async def test_the_time_is_that_of_the_port() -> None:
    @service.handler()
    async def now(ctx: Context) -> float:
        return await ctx.time()

    world = World(now)
    world.time = 12345.5
    assert await world.finish() == returned(12345.5)
