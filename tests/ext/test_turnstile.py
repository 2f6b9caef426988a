"""Turns for tasks: tools that run side by side use the context in a given order, and replay in it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pgdurable import Context, RunOptions, Service, TerminalError
from pgdurable.ext.turnstile import Turnstile
from pgdurable.extensions import in_turn
from pgdurable_sdk.exceptions import SdkInternalException

if TYPE_CHECKING:
    from tests.testing.conftest import Serve

MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize("always_replay", [False, True])
@pytest.mark.parametrize("start", ["gather", "group", "reversed"])
async def test_tasks_use_the_context_in_the_order_of_the_turnstile(
    serve: Serve, start: str, always_replay: bool
) -> None:
    service = Service("Agent")
    executed: list[str] = []

    async def work(name: str) -> str:
        executed.append(name)
        return name.upper()

    @service.handler()
    async def answer(ctx: Context) -> list[str]:
        turnstile = Turnstile(["a", "b", "c"])

        async def tool(id: str) -> str:
            await turnstile.wait_for(id)
            result = await ctx.run_typed(f"first {id}", work, RunOptions(), id)
            await ctx.sleep(MOMENT)
            result += await ctx.run_typed(f"second {id}", work, RunOptions(), id)
            turnstile.allow_next_after(id)
            return result

        match start:
            case "gather":
                results = await asyncio.gather(*map(tool, "abc"))
            case "group":
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(tool(id)) for id in "abc"]
                results = [task.result() for task in tasks]
            case _:
                results = (await asyncio.gather(*map(tool, "cba")))[::-1]
        return [*results, await ctx.run_typed("end", work, RunOptions(), "end")]

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(answer, None) == ["AA", "BB", "CC", "END"]
    assert executed == ["a", "a", "b", "b", "c", "c", "end"]


@pytest.mark.parametrize("always_replay", [False, True])
async def test_a_failure_cancels_the_turns_after_it(serve: Serve, always_replay: bool) -> None:
    service = Service("Agent")
    sent_away: list[str] = []

    @service.handler()
    async def answer(ctx: Context) -> str:
        turnstile = Turnstile(["a", "b", "c"])

        async def tool(id: str) -> None:
            try:
                async with turnstile.turn(id):
                    await ctx.sleep(MOMENT)
                    if id == "b":
                        raise TerminalError("no")
            except SdkInternalException:
                sent_away.append(id)
                raise

        try:
            await asyncio.gather(*map(tool, "abc"))
        except TerminalError as error:
            await ctx.sleep(MOMENT)
            return f"b said {error}"
        return "all went well"

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(answer, None) == "b said no"
    assert set(sent_away) <= {"b", "c"}, "b only where its attempt was replayed"
    assert "c" in sent_away


async def test_an_expected_failure_passes_the_turn_on() -> None:
    turnstile = Turnstile(["a", "b"])

    async def tool(id: str) -> str:
        async with turnstile.turn(id, passing=(ValueError,)):
            if id == "a":
                raise ValueError
            return id

    assert [str(r) for r in await asyncio.gather(tool("b"), tool("a"), return_exceptions=True)] == ["b", ""]


async def test_those_who_wait_when_the_attempt_ends_are_sent_away(serve: Serve) -> None:
    service = Service("Agent")
    left: list[asyncio.Task[None]] = []

    @service.handler()
    async def answer(ctx: Context) -> str:
        left.append(asyncio.create_task(Turnstile(["a", "b"]).wait_for("b")))
        return "done"

    async with serve(service) as env:
        assert await env.client.service_call(answer, None) == "done"
        with pytest.raises(SdkInternalException):
            await left[0]


async def test_two_tasks_at_the_same_time_fail_the_attempt(serve: Serve) -> None:
    service = Service("Agent")

    @service.handler()
    async def answer(ctx: Context, what: str) -> None:
        async def tool(id: str) -> None:
            with in_turn():
                await (ctx.sleep(timedelta(hours=1)) if what == "waits" else ctx.run_typed(id, pause))

        await asyncio.gather(tool("a"), tool("b"), return_exceptions=True)

    async def pause() -> None:
        await asyncio.sleep(0.01)

    async with serve(service, disable_retries=True) as env:
        for what in ("waits", "steps"):
            with pytest.raises(TerminalError, match="two tasks of this handler"):
                await env.client.service_call(answer, what)


async def test_a_task_without_a_turn_may_not_wait(serve: Serve) -> None:
    service = Service("Agent")

    @service.handler()
    async def answer(ctx: Context) -> None:
        turnstile = Turnstile(["a"])

        async def late() -> None:
            async with turnstile.turn("a"):
                await ctx.sleep(MOMENT)
            await ctx.sleep(MOMENT)

        await asyncio.create_task(late())

    async with serve(service, disable_retries=True) as env:
        with pytest.raises(TerminalError, match="awaited by the handler's own task"):
            await env.client.service_call(answer, None)


@pytest.mark.parametrize("own", [False, True])
async def test_a_turn_may_be_lent_to_the_tasks_that_it_starts(serve: Serve, own: bool) -> None:
    service, late = Service("Agent"), list[asyncio.Task[None]]()

    @service.handler()
    async def answer(ctx: Context, what: str) -> str:
        async def wait(begin: asyncio.Event | None = None) -> None:
            if begin is not None:
                await begin.wait()
            await ctx.sleep(MOMENT)

        async def tool() -> None:
            begin = asyncio.Event()
            with in_turn(children=True):
                await asyncio.create_task(wait())
                late.append(asyncio.create_task(wait(begin)))
            begin.set()
            if what == "within":
                late.pop().cancel()
            else:
                await (late.pop() if what == "begun within" else asyncio.create_task(wait()))

        await (tool() if own else asyncio.create_task(tool()))
        return "done"

    async with serve(service, disable_retries=True) as env:
        assert await env.client.service_call(answer, "within") == "done"
        for what in ["after"] if own else ["begun within", "after"]:
            with pytest.raises(TerminalError, match="awaited by the handler's own task"):
                await env.client.service_call(answer, what)


async def test_a_tool_that_is_cancelled_undoes_what_it_did(serve: Serve) -> None:
    service = Service("Agent")
    undone: list[str] = []

    async def undo(id: str) -> None:
        undone.append(id)

    @service.handler()
    async def answer(ctx: Context) -> None:
        turnstile = Turnstile(["a", "b"])

        async def tool(id: str) -> None:
            async with turnstile.turn(id):
                try:
                    await ctx.sleep(timedelta(hours=1))
                except TerminalError:
                    await ctx.run_typed("undo", undo, RunOptions(), id)
                    raise

        await asyncio.gather(tool("a"), tool("b"))

    async with serve(service) as env:
        sent = await env.client.service_send(answer, None)
        await env.settle()
        await env.client.invocation(sent.invocation_id).cancel()
        await env.settle()
        with pytest.raises(TerminalError, match="cancelled"):
            await env.client.invocation(sent.invocation_id).attach()
    assert undone == ["a"]


@pytest.mark.parametrize(("ids", "error"), [(["a", "a"], "have to be different"), ([], None)])
def test_ids_are_different(ids: list[str], error: str | None) -> None:
    if error is None:
        Turnstile(ids).cancel_all()
        return
    with pytest.raises(ValueError, match=error):
        Turnstile(ids)


async def test_outside_of_handlers_it_is_a_turnstile_too() -> None:
    order: list[str] = []
    turnstile = Turnstile(["a", "b"])

    async def tool(id: str) -> None:
        async with turnstile.turn(id):
            order.append(id)

    await asyncio.gather(tool("b"), tool("a"))
    assert order == ["a", "b"]
    with pytest.raises(KeyError):
        await turnstile.wait_for("z")
