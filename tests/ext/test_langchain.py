"""Agents of LangChain in handlers."""
# pyright: reportUnknownVariableType=false
# (LangChain leaves some parameters of its generic types open.)

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelRetryMiddleware,
    ToolRetryMiddleware,
    wrap_tool_call,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, messages_from_dict, messages_to_dict
from langchain_core.messages.tool import tool_call
from pydantic import BaseModel
from typing_extensions import TypedDict

from pgdurable import Context, ObjectContext, RunOptions, Service, TerminalError, VirtualObject
from pgdurable.ext.langchain import RestateMiddleware, restate_context
from tests.ext.programs.model_langchain import Scripted, calls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langchain.agents.middleware import ToolCallRequest

    from tests.testing.conftest import Serve

REPLAY = pytest.mark.parametrize("always_replay", [False, True])


def agent_of(model: Scripted, *tools: Any, **options: Any) -> Any:
    """A durable agent. (Its type says what its state is, and that is nothing to check here.)"""
    options["middleware"] = [RestateMiddleware(), *options.get("middleware", ())]
    return create_agent(model, list(tools), **options)


async def answer(agent: Any, question: str = "?") -> str:
    """What the agent says in the end."""
    result = await agent.ainvoke({"messages": [HumanMessage(question)]})
    text: str = result["messages"][-1].text
    return text


async def look(city: str) -> str:
    """Stands for a step of a tool."""
    return city


async def weather(city: str) -> str:
    """How the weather is."""
    return await restate_context().run_typed("look", look, RunOptions(), city)


@REPLAY
async def test_models_are_steps_and_tools_use_the_context_in_turn(serve: Serve, always_replay: bool) -> None:
    model, called, service = Scripted(), list[str](), Service("Guide")

    async def note(city: str) -> str:
        called.append(city)
        return f"fine in {city}"

    async def weather(city: str) -> str:
        """How the weather is."""
        await restate_context().sleep(timedelta(milliseconds=1))
        return await restate_context().run_typed("note", note, RunOptions(), city)

    agent = agent_of(model, weather)

    @service.handler()
    async def ask(ctx: Context, question: str) -> str:
        return await answer(agent, question)

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, "?") == "fine in Rome, fine in Oslo"
    assert (model.asked, called) == (2, ["Rome", "Oslo"])


@REPLAY
async def test_a_conversation_may_be_state(serve: Serve, always_replay: bool) -> None:
    model, chats = Scripted(), VirtualObject("Chats")
    agent = agent_of(model, weather)

    @chats.handler()
    async def ask(ctx: ObjectContext, question: str) -> str:
        known = messages_from_dict(await ctx.get("messages") or [])
        asked = HumanMessage(question, id=str(ctx.uuid()))
        result = await agent.ainvoke({"messages": [*known, asked]})
        ctx.set("messages", messages_to_dict(result["messages"]))
        await ctx.run_typed("look", look, city="Rome")
        return str(result["messages"][-1].text)

    @chats.handler(kind="shared")
    async def length(ctx: ObjectContext) -> int:
        return len(await ctx.get("messages") or [])

    async with serve(chats, always_replay=always_replay) as env:
        for number in (1, 2):
            assert await env.client.object_call(ask, "ann", f"{number}?") == "Rome, Oslo"
            assert await env.client.object_call(length, "ann", None) == 5 * number
    assert model.asked == 4


class AsksAnAgent(Scripted):
    def respond(self, heard: list[str]) -> AIMessage:
        return AIMessage("; ".join(heard)) if heard else calls("guide", "Europe", "Asia")


@REPLAY
async def test_an_agent_as_a_tool_is_durable_too(serve: Serve, always_replay: bool) -> None:
    first, second, service = AsksAnAgent(), Scripted(), Service("Guide")
    inner = agent_of(second, weather)

    async def guide(city: str) -> str:
        """Somebody who knows."""
        await restate_context().run_typed("look", look, RunOptions(), city)
        return await answer(inner, city)

    agent = agent_of(first, guide)

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, None) == "Rome, Oslo; Rome, Oslo"
    assert (first.asked, second.asked) == (2, 4)


class AsksOneAgent(Scripted):
    def respond(self, heard: list[str]) -> AIMessage:
        return AIMessage("; ".join(heard)) if heard else calls("guide", "Europe")


@REPLAY
async def test_one_call_has_its_turn_though_no_task_of_its_own(serve: Serve, always_replay: bool) -> None:
    service = Service("Guide")

    async def guide(city: str) -> str:
        """Somebody who knows."""
        return await restate_context().run_typed("look", look, RunOptions(), city)

    agent = agent_of(AsksOneAgent(), guide)

    @service.handler()
    async def ask(ctx: Context) -> str:
        said = await answer(agent)
        return await ctx.run_typed("look", look, city=said)

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, None) == "Europe"


async def test_a_terminal_error_of_a_tool_ends_the_run(serve: Serve) -> None:
    called, service = list[str](), Service("Guide")

    async def weather(city: str) -> str:
        """How the weather is."""
        called.append(city)
        raise TerminalError(f"no {city}", 404)

    agent = agent_of(Scripted(), weather)

    @service.handler()
    async def ask(ctx: Context) -> str:
        try:
            return await answer(agent)
        except TerminalError as error:
            undone = await ctx.run_typed("look", look, city="undone")
            raise TerminalError(f"{error.message}, {undone}", error.status_code) from error

    async with serve(service) as env:
        with pytest.raises(TerminalError, match="no Rome, undone") as raised:
            await env.client.service_call(ask, None)
    assert (raised.value.status_code, called) == (404, ["Rome"])


async def test_a_tool_that_fails_is_tried_again_and_the_model_not_asked_again(serve: Serve) -> None:
    model, tried, service = Scripted(), list[str](), Service("Guide")

    async def weather(city: str) -> str:
        """How the weather is."""
        tried.append(city)
        if len(tried) == 1:
            raise ConnectionError("no line")
        return city

    agent = agent_of(model, weather)

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "Rome, Oslo"
    assert (model.asked, tried) == (2, ["Rome", "Rome", "Oslo"])


@wrap_tool_call  # type: ignore[arg-type]  # its stubs know plain functions only
async def tell(
    request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage]]
) -> ToolMessage:
    """Tells the model what went wrong."""
    try:
        return await handler(request)
    except TerminalError as error:
        return ToolMessage(error.message, tool_call_id=request.tool_call["id"])


@REPLAY
@pytest.mark.parametrize("middleware", ["tell", "retry"])
async def test_a_failure_that_a_middleware_handles_holds_up_no_other(
    serve: Serve, always_replay: bool, middleware: str
) -> None:
    service = Service("Guide")

    async def weather(city: str) -> str:
        """How the weather is."""
        await restate_context().run_typed("look", look, RunOptions(), city)
        if city == "Rome":
            raise TerminalError("no Rome")
        return city

    retry = ToolRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False)
    agent = agent_of(Scripted(), weather, middleware=[tell if middleware == "tell" else retry])

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service, always_replay=always_replay) as env:
        said = await env.client.service_call(ask, None)
    assert "no Rome" in said
    assert said.endswith(", Oslo")


async def test_calls_that_a_middleware_forbids_hold_up_no_other(serve: Serve) -> None:
    service = Service("Guide")
    agent = agent_of(Scripted(), weather, middleware=[ForbidsRome()])

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "not there, Oslo"


class ForbidsRome(AgentMiddleware[Any, Any, Any]):
    """Answers in the place of a tool."""

    async def aafter_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        last = state["messages"][-1]
        forbidden = [call["id"] for call in getattr(last, "tool_calls", []) if call["args"]["city"] == "Rome"]
        return {"messages": [ToolMessage("not there", tool_call_id=id) for id in forbidden]}


class Report(BaseModel):
    city: str
    since: timedelta


@dataclass
class Finding:
    city: str
    since: timedelta


class Note(TypedDict):
    city: str
    since: str


class Reports(Scripted):
    """Says what it knows as a call of the tool that stands for the answer."""

    def respond(self, heard: list[str]) -> AIMessage:
        if self.asked == 1:
            return calls("weather", "Rome")
        arguments = {"city": "Rome", "since": "PT1H"}
        return AIMessage("", tool_calls=[tool_call(name=self.tool, args=arguments, id="report")])


@REPLAY
@pytest.mark.parametrize(
    ("schema", "name", "wanted"),
    [
        (Report, "Report", Report(city="Rome", since=timedelta(hours=1))),
        (Finding, "Finding", Finding("Rome", timedelta(hours=1))),
        (Note, "Note", {"city": "Rome", "since": "PT1H"}),
        (Report.model_json_schema(), "Report", {"city": "Rome", "since": "PT1H"}),
    ],
    ids=["model", "dataclass", "dict", "schema"],
)
async def test_structured_responses_are_what_they_were(
    serve: Serve, always_replay: bool, schema: Any, name: str, wanted: Any
) -> None:
    got, service = list[Any](), Service("Guide")
    agent = agent_of(Reports(tool=name), weather, response_format=ToolStrategy(schema))

    @service.handler()
    async def ask(ctx: Context) -> None:
        result = await agent.ainvoke({"messages": [HumanMessage("?")]})
        got.append(result["structured_response"])
        await ctx.run_typed("look", look, city="Rome")

    async with serve(service, always_replay=always_replay) as env:
        await env.client.service_call(ask, None)
    assert got == [wanted] * len(got)
    assert len(got) == 1 + always_replay


class Fails(Scripted):
    def respond(self, heard: list[str]) -> AIMessage:
        raise ConnectionError("no line")


@pytest.mark.parametrize("retried", [False, True])
async def test_requests_that_fail_too_often_end_the_run_or_are_told(serve: Serve, retried: bool) -> None:
    model, service = Fails(), Service("Guide")
    retry = [ModelRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False)] if retried else []
    agent = create_agent(model, middleware=[RestateMiddleware(RunOptions(max_attempts=1)), *retry])

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        if retried:
            assert "no line" in await env.client.service_call(ask, None)
            assert model.asked == 2
            return
        with pytest.raises(TerminalError, match="no line"):
            await env.client.service_call(ask, None)


async def test_a_cancellation_ends_the_run(serve: Serve) -> None:
    model, service = Scripted(), Service("Guide")

    async def weather(city: str) -> str:
        """How the weather is."""
        await restate_context().sleep(timedelta(hours=1))
        return city

    agent = agent_of(model, weather)

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        sent = await env.client.service_send(ask, None)
        await env.settle()
        await env.client.invocation(sent.invocation_id).cancel()
        with pytest.raises(TerminalError, match="cancelled"):
            await env.client.invocation(sent.invocation_id).attach()
    assert model.asked == 1


async def test_a_run_is_in_a_handler_and_not_a_plain_one() -> None:
    with pytest.raises(RuntimeError, match="no handler runs here"):
        await answer(agent_of(Scripted(), weather))
    with pytest.raises(NotImplementedError, match="ainvoke"):
        agent_of(Scripted(), weather).invoke({"messages": [HumanMessage("?")]})
