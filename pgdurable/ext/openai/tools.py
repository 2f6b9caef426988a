"""Tools that use the context, one after the other."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from pgdurable.ext.extras import needs
from pgdurable.ext.openai.errors import propagate_cancellation, raise_terminal_errors
from pgdurable.ext.openai.model import DurableModel
from pgdurable_sdk.exceptions import SdkInternalException

with needs("agents", extra="openai"):
    from agents import Agent, FunctionTool, Handoff, Model, function_tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from agents.tool import Tool, ToolErrorFunction, ToolFunction
    from agents.tool_context import ToolContext

    from pgdurable.ext.openai.model import Run
    from pgdurable.ext.turnstile import Turnstile

__all__ = ["durable_function_tool"]


@overload
def durable_function_tool(
    func: ToolFunction[...],
    *,
    failure_error_function: ToolErrorFunction | None = raise_terminal_errors,
    **options: Any,
) -> FunctionTool: ...
@overload
def durable_function_tool(
    func: None = None,
    *,
    failure_error_function: ToolErrorFunction | None = raise_terminal_errors,
    **options: Any,
) -> Callable[[ToolFunction[...]], FunctionTool]: ...
def durable_function_tool(
    func: ToolFunction[...] | None = None,
    *,
    failure_error_function: ToolErrorFunction | None = raise_terminal_errors,
    **options: Any,
) -> FunctionTool | Callable[[ToolFunction[...]], FunctionTool]:
    """A tool made of a function that uses `restate_context`; as decorator with or without arguments.

    ``options`` are those of ``agents.function_tool``. A TerminalError of the tool ends the run, unless
    another ``failure_error_function`` makes it something for the model to know (None: the SDK's own does).
    A cancellation ends the run in any case.
    """

    def make(func: ToolFunction[...]) -> FunctionTool:
        failure = propagate_cancellation(failure_error_function)
        return function_tool(func, failure_error_function=failure, **options)

    return make if func is None else make(func)


class Agents:
    """Copies of agents for one run. An agent that hands off to one that hands back is copied once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._copies: dict[int, Agent[Any]] = {}

    def copy(self, agent: Agent[Any]) -> Agent[Any]:
        """The agent, with models whose responses are steps, and tools that take turns."""
        known = self._copies.get(id(agent))
        if known is not None:
            return known
        model = DurableModel(agent.model, self._run) if isinstance(agent.model, Model) else agent.model
        copy = self._copies[id(agent)] = agent.clone(model=model, tools=list(map(self._tool, agent.tools)))
        self._copies[id(copy)] = copy
        copy.handoffs = [
            self.copy(handoff) if isinstance(handoff, Agent) else self._handoff(handoff)
            for handoff in agent.handoffs
        ]
        return copy

    def _tool(self, tool: Tool) -> Tool:
        if not isinstance(tool, FunctionTool):
            return tool

        async def invoke(context: ToolContext[Any], arguments: str) -> Any:
            async with _turn(self._run.turnstile, context.tool_call_id):
                return await tool.on_invoke_tool(context, arguments)

        return replace(tool, on_invoke_tool=invoke)

    def _handoff(self, handoff: Handoff[Any, Any]) -> Handoff[Any, Any]:
        async def invoke(*args: Any) -> Agent[Any]:
            return self.copy(await handoff.on_invoke_handoff(*args))

        return replace(handoff, on_invoke_handoff=invoke)


@asynccontextmanager
async def _turn(turnstile: Turnstile, id: str) -> AsyncGenerator[None]:
    """A turn. A tool that gets none counts as cancelled: of the errors of several tools the SDK raises one,
    and is to raise that of the tool that failed."""
    try:
        await turnstile.wait_for(id)
    except SdkInternalException:
        raise asyncio.CancelledError from None
    try:
        yield
    except BaseException:
        turnstile.cancel_all_after(id)
        raise
    turnstile.allow_next_after(id)
