"""Agents of Pydantic AI in handlers: what was paid for is not asked again, what was done not done again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from mcp.server import MCPServer
from pydantic import BaseModel
from pydantic_ai import Agent, RunContext
from pydantic_ai.exceptions import ModelRetry
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel

from pgdurable import Context, RunOptions, Service, TerminalError, UsageError
from pgdurable.ext.pydantic import RestateAgent, restate_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from pydantic_ai.messages import AgentStreamEvent

    from tests.testing.conftest import Serve

REPLAY = pytest.mark.parametrize("always_replay", [False, True])
MOMENT = timedelta(milliseconds=1)


class Weather(BaseModel):
    city: str
    degrees: int


class Guide:
    """A model that asks for the weather in Rome and Oslo at once, then tells what it heard."""

    def __init__(self, tool: str = "weather") -> None:
        self.asked = 0
        self.tool = tool

    async def __call__(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.asked += 1
        heard = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        if not heard:
            calls = [ToolCallPart(self.tool, {"city": c}, tool_call_id=c) for c in ("Rome", "Oslo")]
            return ModelResponse(parts=calls)
        return ModelResponse(parts=[TextPart("; ".join(part.model_response_str() for part in heard))])


@REPLAY
async def test_models_and_tools_are_steps(serve: Serve, always_replay: bool) -> None:
    guide, called = Guide(), list[str]()
    agent = Agent(FunctionModel(guide), name="guide")

    @agent.tool_plain
    async def weather(city: str) -> Weather:
        called.append(city)
        return Weather(city=city, degrees=len(city))

    durable, service = RestateAgent(agent), Service("Guide")

    @service.handler()
    async def ask(ctx: Context, question: str) -> str:
        return (await durable.run(question)).output

    async with serve(service, always_replay=always_replay) as env:
        answer = await env.client.service_call(ask, "How is the weather?")
    assert answer == '{"city":"Rome","degrees":4}; {"city":"Oslo","degrees":4}'
    assert (guide.asked, called) == (2, ["Rome", "Oslo"])


@REPLAY
async def test_tools_may_use_the_context(serve: Serve, always_replay: bool) -> None:
    guide, called, service = Guide(), list[str](), Service("Guide")
    agent = Agent(FunctionModel(guide), name="guide")

    @service.handler()
    async def measure(ctx: Context, city: str) -> str:
        return f"fine in {city}"

    @agent.tool_plain
    async def weather(city: str) -> str:
        ctx = restate_context()
        await ctx.sleep(MOMENT)
        await ctx.run_typed("note", note, RunOptions(), city)
        return await ctx.service_call(measure, city)

    async def note(city: str) -> None:
        called.append(city)

    durable = RestateAgent(agent, disable_auto_wrapping_tools=True)

    @service.handler()
    async def ask(ctx: Context, question: str) -> str:
        return (await durable.run(question)).output

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, "?") == "fine in Rome; fine in Oslo"
    assert (guide.asked, called) == (2, ["Rome", "Oslo"])


@REPLAY
async def test_what_a_tool_tells_the_model_is_a_result(serve: Serve, always_replay: bool) -> None:
    tried: list[str] = []
    agent = Agent(TestModel(), name="guide", retries=2)

    @agent.tool_plain
    async def weather(city: str) -> str:
        tried.append(city)
        if len(tried) == 1:
            raise ModelRetry("say it again")
        return "fine"

    durable, service = RestateAgent(agent), Service("Guide")

    @service.handler()
    async def ask(ctx: Context) -> str:
        return (await durable.run("?")).output

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, None) == '{"weather":"fine"}'
        assert not env.failures
    assert len(tried) == 2


async def test_a_tool_that_fails_is_tried_again_and_the_model_not_asked_again(serve: Serve) -> None:
    guide, tried = Guide(), list[str]()
    agent = Agent(FunctionModel(guide), name="guide")

    @agent.tool_plain
    async def weather(city: str) -> str:
        tried.append(city)
        if len(tried) == 2:
            raise ConnectionError("no line to Oslo")
        return city

    durable, service = RestateAgent(agent), Service("Guide")

    @service.handler()
    async def ask(ctx: Context) -> str:
        return (await durable.run("?")).output

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "Rome; Oslo"
    assert (guide.asked, tried) == (2, ["Rome", "Oslo", "Oslo"])


async def test_a_terminal_error_of_a_tool_ends_the_run(serve: Serve) -> None:
    guide = Guide()
    agent = Agent(FunctionModel(guide), name="guide")

    @agent.tool_plain
    async def weather(city: str) -> str:
        raise TerminalError(f"no {city}", 404)

    durable, service = RestateAgent(agent), Service("Guide")

    @service.handler()
    async def ask(ctx: Context) -> str:
        return (await durable.run("?")).output

    async with serve(service) as env:
        with pytest.raises(TerminalError, match="no Rome") as raised:
            await env.client.service_call(ask, None)
    assert (raised.value.status_code, guide.asked) == (404, 1)


@REPLAY
async def test_events_of_the_model_come_in_its_step_and_others_in_steps_of_their_own(
    serve: Serve, always_replay: bool
) -> None:
    events: list[str] = []
    agent = Agent(TestModel(), name="guide")

    @agent.tool_plain
    async def weather() -> str:
        return "fine"

    async def listen(ctx: RunContext[object], stream: AsyncIterable[AgentStreamEvent]) -> None:
        events.extend([event.event_kind async for event in stream])

    durable, service = RestateAgent(agent, event_stream_handler=listen), Service("Guide")

    @service.handler()
    async def ask(ctx: Context) -> str:
        return (await durable.run("?")).output

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, None) == '{"weather":"fine"}'
    assert (events.count("function_tool_call"), events.count("function_tool_result")) == (1, 1)
    assert events.count("final_result") == 1


@REPLAY
async def test_servers_are_asked_for_their_tools_once(serve: Serve, always_replay: bool) -> None:
    guide, called = Guide("first_weather"), list[str]()

    def server(name: str) -> MCPServer:
        made = MCPServer(name)

        @made.tool(name=f"{name}_weather")
        async def weather(city: str) -> str:
            called.append(f"{name} {city}")
            return f"{city} is fine"

        return made

    servers = [MCPToolset[object](server(name), id=name) for name in ("first", "second")]
    durable = RestateAgent(Agent(FunctionModel(guide), name="guide", toolsets=servers))
    service = Service("Guide")

    @service.handler()
    async def ask(ctx: Context) -> str:
        return (await durable.run("?")).output

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, None) == "Rome is fine; Oslo is fine"
    assert (guide.asked, called) == (2, ["first Rome", "first Oslo"])


async def test_an_agent_keeps_its_model_and_runs_in_handlers() -> None:
    with pytest.raises(UsageError, match="needs a model of its own"):
        RestateAgent(Agent(name="guide"))
    durable = RestateAgent(Agent(TestModel(), name="guide"))
    with pytest.raises(UsageError, match="no handler runs here"):
        await durable.run("?")
    with pytest.raises(UsageError, match="not streamed in handlers"):
        durable.run_stream("?")
