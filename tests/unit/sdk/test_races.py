"""What came first, came first in every replay, whatever has arrived since."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import timedelta
from typing import Any

import pytest

from pgdurable_sdk import (
    Context,
    DurableFuture,
    RunOptions,
    Service,
    TerminalError,
    UsageError,
    all_succeeded,
    any_succeeded,
    as_completed,
    gather,
    race,
    select,
    wait_completed,
)
from pgdurable_sdk.journal.entries import EntryType, Outcome
from pgdurable_sdk.runtime import Failed
from tests.unit.sdk.world import World, failed, returned

service = Service("Races")
SECOND = timedelta(seconds=1)


def calls(ctx: Context, count: int) -> list[DurableFuture[str]]:
    return [ctx.generic_call("Other", str(n), b"").map(bytes.decode) for n in range(count)]


@service.handler()
async def first_of_two(ctx: Context) -> list[Any]:
    a, b = calls(ctx, 2)
    won = await select(a=a, b=b)
    ctx.generic_send("Judge", won[0], b"")
    await gather(a, b)
    return [*won, [await a, await b]]


@pytest.mark.parametrize(("order", "winner"), [((1, 2), "a"), ((2, 1), "b")])
async def test_the_first_to_complete_wins_not_the_first_argument(order: tuple[int, int], winner: str) -> None:
    world = World(first_of_two)
    for index in order:  # both are there before the handler asks
        world.rows = world.rows[:1]
        world.deliver(EntryType.CALL, index, value=b"xy"[index - 1 : index])
    assert await world.finish() == returned([winner, {"a": "x", "b": "y"}[winner], ["x", "y"]])
    assert world.rows[3].seen == 1, "the other one was fed later"
    await world.replays()


async def test_what_arrives_later_does_not_change_a_replay() -> None:
    world = World(first_of_two)
    await world.attempt()
    world.complete(2, b"y")
    await world.settle()
    assert world.rows[3].target == "Judge/b"
    await world.suspended()
    world.execution = None
    world.complete(1, b"x")
    assert await world.finish() == returned(["b", "y", ["x", "y"]])
    await world.replays()


@service.handler()
async def one_after_the_other(ctx: Context) -> list[str]:
    order: list[str] = []
    async for future in as_completed(*calls(ctx, 4)):
        order.append(await future)
        ctx.generic_send("Log", order[-1], b"")
    return order


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3, 4]))[::5])
async def test_as_completed_goes_by_arrival(order: tuple[int, ...]) -> None:
    world = World(one_after_the_other)
    await world.attempt()
    for index in order:
        world.complete(index, str(index).encode())
    assert await world.ending() == returned([str(index) for index in order])
    assert [row.seen for row in world.rows[5:]] == [1, 2, 3, 4]
    await world.replays()


@service.handler()
async def combined(ctx: Context) -> list[Any]:
    a, b, c = calls(ctx, 3)
    nested = select(pair=gather(a, b), single=c)
    name, _ = await nested
    done, pending = await wait_completed(a, b, c)
    return [name, len(done), len(pending)]


@pytest.mark.parametrize(
    ("order", "result"), [((1, 2), ["pair", 2, 1]), ((1, 3), ["single", 2, 1]), ((3,), ["single", 1, 2])]
)
async def test_trees_are_nested(order: tuple[int, ...], result: list[Any]) -> None:
    world = World(combined)
    await world.attempt()
    for index in order:
        world.complete(index, b"")
    assert await world.ending() == returned(result)
    await world.replays()


async def test_a_tree_says_what_it_still_waits_for() -> None:
    world = World(combined)
    await world.attempt()
    world.complete(2, b"")
    assert (await world.suspended()).awaiting == [1, 3]


@service.handler()
async def succeeding(ctx: Context) -> list[Any]:
    async def outcome(future: DurableFuture[Any]) -> Any:
        try:
            return await future
        except TerminalError as error:
            return error.message

    a, b, c = calls(ctx, 3)
    return [
        await outcome(race(a, b, c)),
        await outcome(any_succeeded(a, b, c)),
        await outcome(all_succeeded(a, b, c)),
    ]


NO = b'{"code":500,"message":"no"}'


@pytest.mark.parametrize(
    ("arrivals", "result"),
    [
        ([(2, b"b"), (1, b"a"), (3, b"c")], ["b", "b", ["a", "b", "c"]]),
        ([(2, None), (1, b"a")], ["no", "a", "no"]),
        ([(3, None), (2, None), (1, None)], ["no", "no", "no"]),
        ([(1, b"a"), (2, b"b"), (3, None)], ["a", "a", "no"]),
    ],
)
async def test_race_any_and_all(arrivals: list[tuple[int, bytes | None]], result: list[Any]) -> None:
    world = World(succeeding)
    await world.attempt()
    for index, value in arrivals:
        outcome = Outcome.FAILURE if value is None else Outcome.SUCCESS
        world.complete(index, NO if value is None else value, outcome)
    assert await world.ending() == returned(result)
    await world.replays()


@service.handler()
async def impatient(ctx: Context) -> str:
    return await ctx.generic_call("Other", "slow", b"").map(bytes.decode).or_timeout(SECOND)


async def test_or_timeout() -> None:
    world = World(impatient)
    await world.attempt()
    world.complete(1, b"in time")
    assert await world.ending() == returned("in time")

    world = World(impatient)
    await world.attempt()
    world.fire(2)
    world.complete(1, b"late")
    assert await world.ending() == failed(408, "timed out after 0:00:01")
    await world.replays()


@service.handler()
async def hurried(ctx: Context) -> str:
    a, b = calls(ctx, 2)
    return await any_succeeded(a.or_timeout(SECOND), b)


async def test_a_timeout_is_a_failure_in_a_combination_too() -> None:
    world = World(hurried)
    await world.attempt()
    world.fire(3)
    await world.settle()
    world.complete(2, b"b")
    assert await world.ending() == returned("b"), "it was worth waiting for"
    await world.replays()


@service.handler()
async def overdue(ctx: Context) -> str:
    a, b = calls(ctx, 2)
    try:
        await all_succeeded(a.or_timeout(SECOND), b)
    except TerminalError as error:
        return error.message
    return "both in time"


async def test_a_timeout_does_not_wait_for_the_others() -> None:
    world = World(overdue)
    await world.attempt()
    world.fire(3)
    assert await world.ending() == returned("timed out after 0:00:01")
    await world.replays()


@service.handler()
async def sorting(ctx: Context) -> list[int]:
    a, b, c = calls(ctx, 3)
    one = wait_completed(a, b).map(lambda both: len(both[0]))
    either, both = any_succeeded(one, c.map(len)), all_succeeded(one, c.map(len))
    return [await either, *await both]


async def test_to_know_who_has_completed_is_no_failure_even_if_they_failed() -> None:
    world = World(sorting)
    await world.attempt()
    world.complete(1, NO, Outcome.FAILURE)
    await world.settle()
    world.complete(3, b"ccc")
    assert await world.ending() == returned([1, 1, 3])
    await world.replays()


@service.handler()
async def nothing_first(ctx: Context) -> list[int]:
    (a,) = calls(ctx, 1)
    first = race(a.map(len), gather().map(len))
    return [await first, await a.map(len), await first]


async def test_nothing_was_complete_before_anything_else() -> None:
    world = World(nothing_first)
    await world.attempt()
    world.complete(1, b"abc")
    assert await world.ending() == returned([0, 3, 0])
    await world.replays()


@service.handler()
async def waiting_for_one_of_many(ctx: Context) -> str:
    calls(ctx, 3)
    return await calls(ctx, 1)[0]


async def test_what_nobody_waits_for_is_fed_and_forgotten() -> None:
    world = World(waiting_for_one_of_many)
    await world.attempt()
    for index in (3, 1, 4):
        world.complete(index, b"x")
    assert await world.ending() == returned("x")
    assert world.execution is not None
    assert world.execution.seen == 3
    await world.replays()


@service.handler()
async def mixed(ctx: Context) -> list[Any]:
    async def step(n: int) -> int:
        return n

    log: list[Any] = []
    a, b, c = calls(ctx, 3)
    nap = ctx.sleep(SECOND)
    beside = ctx.run_typed("beside", step, RunOptions(), 1)
    async for future in as_completed(a, b, nap, beside):
        log.append(await future)
        log.append(await ctx.run_typed("after", step, RunOptions(), len(log)))
    log.append(await c)
    return log


@pytest.mark.parametrize("seed", range(12))
async def test_a_replay_from_any_point_goes_the_same_way(seed: int) -> None:
    """Crash at random points, with notifications arriving at random times: one history, whatever happens."""
    luck = random.Random(seed)
    world = World(mixed)
    arrivals = [1, 2, 3, 4]
    luck.shuffle(arrivals)
    await world.attempt()
    while arrivals:
        if luck.random() < 0.5:
            await world.suspended()
            world.execution = None
        index = arrivals.pop()
        world.complete(index, None if index == 4 else str(index).encode())
        if world.execution is None:
            await world.attempt()
        await world.settle()
    first = await world.ending()
    rows, notes = list(world.rows), list(world.notifications)
    for cut in range(6, len(rows)):
        world.rows = rows[:cut]
        seen = max(row.seen for row in world.rows)
        world.notifications = notes[: luck.randint(seen, len(notes))]
        world.execution = None
        missing = [n for n in notes if n not in world.notifications]
        if any(n.type == EntryType.RUN for n in missing):
            continue  # that one would be made again
        await world.attempt()
        for note in missing:
            assert world.execution is not None
            world.notifications.append(note)
            world.execution.notify(note)
        assert await world.ending() == first
        assert world.rows == rows


@service.handler()
async def of_asyncio(ctx: Context) -> None:
    await asyncio.gather(ctx.sleep(SECOND), ctx.sleep(SECOND))


async def test_combining_with_asyncio_is_refused() -> None:
    world = World(of_asyncio)
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert "gather(), select() and as_completed() of pgdurable" in ending.message


async def test_only_futures_can_be_combined() -> None:
    @service.handler()
    async def odd(ctx: Context) -> None:
        await gather("a future")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    ending = await World(odd).finish()
    assert isinstance(ending, Failed)
    assert "only what a context returns" in ending.message


async def test_nothing_is_gathered_at_once() -> None:
    @service.handler()
    async def none(ctx: Context) -> Any:
        return await gather()

    assert await World(none).finish() == returned([])


kept: list[DurableFuture[Any]] = []


@service.handler()
async def keeps(ctx: Context) -> None:
    kept.append(ctx.sleep(SECOND))


@service.handler()
async def uses_a_kept_one(ctx: Context) -> str:
    try:
        await kept[-1]
    except UsageError as error:
        return str(error)
    return "worked"


async def test_a_future_of_another_invocation_is_refused() -> None:
    await World(keeps).finish()
    ending = await World(uses_a_kept_one).finish()
    assert ending != returned("worked")
    assert b"another invocation" in ending.value  # type: ignore[union-attr]  # pyright: ignore
