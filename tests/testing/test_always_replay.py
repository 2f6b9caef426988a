"""`always_replay`: every await is suspended and replayed, so what is not deterministic is found."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable import Context, ObjectContext, Service, TerminalError, VirtualObject, gather, select

if TYPE_CHECKING:
    from tests.testing.conftest import Serve


async def test_a_handler_runs_once_more_for_each_await_and_its_steps_once(serve: Serve) -> None:
    service = Service("Greeter")
    runs: list[str] = []
    steps: list[str] = []

    async def step(name: str) -> str:
        steps.append(name)
        return name

    @service.handler()
    async def greet(ctx: Context, name: str) -> str:
        runs.append(name)
        words = [await ctx.run(word, step, args=(word,)) for word in ("Hello", "dear")]
        await ctx.sleep(timedelta(milliseconds=1))
        both = await gather(ctx.run("a", step, args=("a",)), ctx.run("b", step, args=("b",)))
        return " ".join([*words, name, *[await one for one in both]])

    async with serve(service, always_replay=True) as env:
        assert await env.client.service_call(greet, "Sarah") == "Hello dear Sarah a b"
    assert steps == ["Hello", "dear", "a", "b"]
    assert len(runs) == 5


async def test_state_and_calls_are_replayed_too(serve: Serve) -> None:
    counters = VirtualObject("Counters")
    runs: list[str] = []

    @counters.handler()
    async def count(ctx: ObjectContext, by: int) -> int:
        runs.append("count")
        total = (await ctx.get("total", type_hint=int) or 0) + by
        ctx.set("total", total)
        return total

    @counters.handler()
    async def twice(ctx: ObjectContext, by: int) -> int:
        runs.append("twice")
        await ctx.object_call(count, "other", by)
        return await ctx.object_call(count, "other", by)

    async with serve(counters, always_replay=True) as env:
        assert await env.client.object_call(twice, "k", 3) == 6
    assert runs.count("count") == 4
    assert runs.count("twice") == 3


@pytest.mark.parametrize("what", ["a random name", "a random order", "a random branch"])
async def test_what_is_not_deterministic_is_found(serve: Serve, what: str) -> None:
    service = Service("Dice")
    chance = random.Random(7)

    @service.handler()
    async def throw(ctx: Context) -> None:
        match what:
            case "a random name":
                await ctx.run(f"throw {chance.random()}", int)
            case "a random order":
                for name in chance.sample(["a", "b", "c", "d", "e", "f"], 6):
                    await ctx.run(name, int)
            case _:
                if chance.random() < 0.5:
                    await ctx.run("heads", int)
                else:
                    await ctx.sleep(timedelta(milliseconds=1))
                await ctx.run("end", int)

    async with serve(service, always_replay=True) as env:
        calls = (env.client.service_call(throw, None) for _ in range(20))
        with pytest.raises(TerminalError, match="does not do what its journal says"):
            await asyncio.gather(*calls)


async def test_without_it_such_a_handler_may_pass(serve: Serve) -> None:
    service = Service("Dice")

    @service.handler()
    async def throw(ctx: Context) -> Any:
        return await ctx.run(f"throw {random.random()}", int)

    async with serve(service) as env:
        assert await env.client.service_call(throw, None) == 0


@pytest.mark.parametrize("always_replay", [False, True])
async def test_a_step_that_lost_a_race_is_not_a_forgotten_one(
    serve: Serve, always_replay: bool, caplog: pytest.LogCaptureFixture
) -> None:
    service, begun = Service("Races"), list[str]()

    async def step(name: str) -> str:
        begun.append(name)
        return name

    @service.handler()
    async def other(ctx: Context) -> None:
        pass

    @service.handler()
    async def hurry(ctx: Context, what: str) -> str:
        call = ctx.service_call(other, None)
        await (call if what == "open" else ctx.service_call(other, None))
        late = ctx.run(what, step, args=(what,))
        if what == "journaled":
            ctx.generic_send("Races", "other", b"")
        winner, _ = await select(call=call, late=late)
        return str(winner if what != "wanted" else await late)

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(hurry, "open") == "call"
        assert await env.client.service_call(hurry, "journaled") == "call"
        assert begun == []
        assert await env.client.service_call(hurry, "wanted") == "wanted"
    assert begun == ["wanted"]
    assert [record.getMessage() for record in caplog.records if "awaiting" in record.getMessage()] == []
