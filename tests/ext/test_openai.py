"""Agents of the OpenAI Agents SDK in handlers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from agents import Agent, function_tool

from pgdurable import Context, ObjectContext, RunOptions, Service, TerminalError, UsageError, VirtualObject
from pgdurable.ext.openai import (
    DurableRunner,
    RestateSession,
    durable_function_tool,
    propagate_cancellation,
    raise_terminal_errors,
    restate_context,
)
from tests.ext.programs.model_openai import Scripted, call, respond

if TYPE_CHECKING:
    from typing import Any

    from agents import ModelResponse

    from tests.testing.conftest import Serve

REPLAY = pytest.mark.parametrize("always_replay", [False, True])


async def nothing(city: str) -> None:
    pass


@REPLAY
async def test_models_are_steps_and_tools_use_the_context_in_turn(serve: Serve, always_replay: bool) -> None:
    model, called, service = Scripted(), list[str](), Service("Guide")

    async def note(city: str) -> str:
        called.append(city)
        return f"fine in {city}"

    @durable_function_tool
    async def weather(city: str) -> str:
        await restate_context().sleep(timedelta(milliseconds=1))
        return await restate_context().run_typed("note", note, RunOptions(), city)

    agent = Agent(name="Guide", model=model, tools=[weather])

    @service.handler()
    async def ask(ctx: Context, question: str) -> str:
        result = await DurableRunner.run(agent, question)
        return result.final_output_as(str)

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, "?") == "fine in Rome, fine in Oslo"
    assert (model.asked, called) == (2, ["Rome", "Oslo"])


@REPLAY
async def test_a_conversation_is_state_of_an_object(serve: Serve, always_replay: bool) -> None:
    model, chats = Scripted(), VirtualObject("Chats")

    @durable_function_tool
    async def weather(city: str) -> str:
        return city

    agent = Agent(name="Guide", model=model, tools=[weather])

    @chats.handler()
    async def ask(ctx: ObjectContext, question: str) -> str:
        result = await DurableRunner.run(agent, question, use_restate_session=True)
        return result.final_output_as(str)

    @chats.handler(kind="shared")
    async def length(ctx: ObjectContext) -> int:
        return len(await ctx.get("items") or [])

    async with serve(chats, always_replay=always_replay) as env:
        for number in (1, 2):
            assert await env.client.object_call(ask, "ann", f"{number}?") == "Rome, Oslo"
            assert await env.client.object_call(length, "ann", None) == 6 * number
        assert await env.client.object_call(length, "bob", None) == 0
    assert model.asked == 4


class HandsOff(Scripted):
    """Hands the conversation to somebody who knows."""

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        self.asked = self.asked + 1
        return respond(call("handoff", "transfer_to_guide"))


@REPLAY
async def test_an_agent_that_is_handed_to_is_durable_too(serve: Serve, always_replay: bool) -> None:
    first, second, service = HandsOff(), Scripted(), Service("Guide")

    @durable_function_tool(name_override="weather")
    async def look(city: str) -> str:
        await restate_context().run_typed("note", nothing, RunOptions(), city)
        return city

    guide = Agent(name="guide", model=second, tools=[look])
    front = Agent(name="front", model=first, handoffs=[guide])
    guide.handoffs = [front]

    @service.handler()
    async def ask(ctx: Context, question: str) -> str:
        result = await DurableRunner.run(front, question)
        return result.final_output_as(str)

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, "?") == "Rome, Oslo"
    assert (first.asked, second.asked) == (1, 2)
    assert (front.model, guide.model) == (first, second), "those of the user stay as they are"


@pytest.mark.parametrize("told", [False, True])
async def test_a_terminal_error_of_a_tool_ends_the_run_or_is_told(serve: Serve, told: bool) -> None:
    model, called, service = Scripted(), list[str](), Service("Guide")

    async def weather(city: str) -> str:
        called.append(city)
        raise TerminalError(f"no {city}", 404)

    tool = durable_function_tool(weather, failure_error_function=None if told else raise_terminal_errors)
    agent = Agent(name="Guide", model=model, tools=[tool])

    @service.handler()
    async def ask(ctx: Context) -> str:
        result = await DurableRunner.run(agent, "?")
        return result.final_output_as(str)

    async with serve(service) as env:
        if told:
            assert "error occurred" in await env.client.service_call(ask, None)
            assert called == ["Rome", "Oslo"]
            return
        with pytest.raises(TerminalError, match="no Rome") as raised:
            await env.client.service_call(ask, None)
    assert (raised.value.status_code, called) == (404, ["Rome"])


async def test_a_tool_that_fails_is_tried_again_and_the_model_not_asked_again(serve: Serve) -> None:
    model, tried, service = Scripted(), list[str](), Service("Guide")

    @durable_function_tool
    async def weather(city: str) -> str:
        tried.append(city)
        if len(tried) == 1:
            raise ConnectionError("no line")
        return city

    agent = Agent(name="Guide", model=model, tools=[weather])

    @service.handler()
    async def ask(ctx: Context) -> str:
        result = await DurableRunner.run(agent, "?")
        return result.final_output_as(str)

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "Rome, Oslo"
    assert (model.asked, tried) == (2, ["Rome", "Rome", "Oslo"])


async def test_a_cancellation_ends_the_run(serve: Serve) -> None:
    model, service = Scripted(), Service("Guide")

    @function_tool(failure_error_function=propagate_cancellation())
    async def weather(city: str) -> str:
        await restate_context().sleep(timedelta(hours=1))
        return city

    agent = Agent(name="Guide", model=model, tools=[weather])

    @service.handler()
    async def ask(ctx: Context) -> str:
        result = await DurableRunner.run(agent, "?")
        return result.final_output_as(str)

    async with serve(service) as env:
        sent = await env.client.service_send(ask, None)
        await env.settle()
        await env.client.invocation(sent.invocation_id).cancel()
        with pytest.raises(TerminalError, match="cancelled"):
            await env.client.invocation(sent.invocation_id).attach()
    assert model.asked == 1


async def test_a_run_is_in_a_handler_and_has_one_session(serve: Serve) -> None:
    agent, service = Agent(name="Guide", model=Scripted()), Service("Guide")
    with pytest.raises(UsageError, match="no handler runs here"):
        await DurableRunner.run(agent, "?")

    @service.handler()
    async def ask(ctx: Context) -> None:
        await DurableRunner.run(agent, "?", use_restate_session=True, session=RestateSession())

    async with serve(service, disable_retries=True) as env:
        with pytest.raises(TerminalError, match="leave out the other one"):
            await env.client.service_call(ask, None)


async def test_a_session_forgets() -> None:
    session = RestateSession()
    await session.clear_session()
    items: list[Any] = [{"role": "user", "content": str(number)} for number in range(3)]
    await session.add_items(items)
    assert await session.get_items(2) == items[1:]
    assert await session.get_items(0) == []
    assert await session.pop_item() == items[2]
    await session.clear_session()
    assert await session.pop_item() is None
