"""Toolsets whose tools are steps, or may use the context."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pgdurable.ext.current import restate_context
from pgdurable.ext.extras import needs
from pgdurable.ext.pydantic.serde import PydanticTypeAdapter
from pgdurable_sdk.exceptions import TerminalError
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.run import RunOptions

with needs("pydantic_ai", extra="pydantic-ai"):
    from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, ModelRetry, ToolFailed, UserError
    from pydantic_ai.messages import ToolReturn, ToolReturnContent
    from pydantic_ai.tools import AgentDepsT, RunContext, ToolDefinition
    from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

__all__ = ["RestateContextRunToolSet"]


@dataclass
class Outcome:
    """What a tool returned or raised, as it is journaled. What it tells the model does not fail the step."""

    kind: Literal[
        "returned", "tool_return", "model_retry", "tool_failed", "call_deferred", "approval_required"
    ]
    value: ToolReturnContent = None
    tool_return: ToolReturn[Any] | None = None
    message: str = ""
    metadata: dict[str, Any] | None = None
    deferred: Literal["external", "question"] = "external"


OUTCOME: Final = PydanticTypeAdapter(Outcome)
DEFINITIONS: Final = PydanticTypeAdapter(dict[str, ToolDefinition])

_QUEUE: ContextVar[asyncio.Lock | None] = ContextVar("pgdurable_toolsets", default=None)


@asynccontextmanager
async def asking_one_by_one() -> AsyncGenerator[None]:
    """While this is entered, toolsets that are asked for their tools side by side ask their servers one after
    the other, in the order of the agent's list."""
    token = _QUEUE.set(asyncio.Lock())
    try:
        yield
    finally:
        _QUEUE.reset(token)


@dataclass
class InTurnToolset(WrapperToolset[AgentDepsT]):
    """Tools that use the context. The agent calls one at a time, each in a task of its own."""

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[AgentDepsT], tool: ToolsetTool[AgentDepsT]
    ) -> Any:
        with in_turn():
            return await super().call_tool(name, tool_args, ctx, tool)

    def visit_and_replace(
        self, visitor: Callable[[AbstractToolset[AgentDepsT]], AbstractToolset[AgentDepsT]]
    ) -> AbstractToolset[AgentDepsT]:
        return visitor(self)


@dataclass
class RestateContextRunToolSet(InTurnToolset[AgentDepsT]):
    """Each call of a tool is a step, named ``Calling`` and the tool's name.

    What the tool returns is journaled as pydantic writes it, and read as plain values. It may raise what
    tools raise in Pydantic AI (``ModelRetry``, ``ToolFailed``, ``CallDeferred``, ``ApprovalRequired``), and
    TerminalError; any other exception is a failure of the step, which is retried as ``run_options`` say.
    """

    wrapped: AbstractToolset[AgentDepsT]
    run_options: RunOptions[Any] = field(default_factory=RunOptions[Any])

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[AgentDepsT], tool: ToolsetTool[AgentDepsT]
    ) -> Any:
        async def call() -> Outcome:
            return await _outcome(self.wrapped.call_tool(name, tool_args, ctx, tool))

        options: RunOptions[Outcome] = replace(self.run_options, serde=OUTCOME)
        with in_turn():
            outcome = await restate_context().run_typed(f"Calling {name}", call, options)
        return _value(outcome)


@dataclass
class RestateMCPToolset(RestateContextRunToolSet[AgentDepsT]):
    """The tools of an MCP server: what it offers and what it answers are journaled."""

    async def get_tools(self, ctx: RunContext[AgentDepsT]) -> dict[str, ToolsetTool[AgentDepsT]]:
        async def ask() -> dict[str, ToolDefinition]:
            return {name: tool.tool_def for name, tool in (await self.wrapped.get_tools(ctx)).items()}

        options: RunOptions[dict[str, ToolDefinition]] = replace(self.run_options, serde=DEFINITIONS)
        async with _QUEUE.get() or asyncio.Lock():
            with in_turn():
                definitions = await restate_context().run_typed("Getting MCP tools", ask, options)
        return {
            name: await self.wrapped.get_tool_for_tool_def(definition, ctx)
            for name, definition in definitions.items()
        }


async def _outcome(call: Awaitable[Any]) -> Outcome:
    try:
        value = await call
    except ModelRetry as error:
        return Outcome("model_retry", message=error.message)
    except ToolFailed as error:
        return Outcome("tool_failed", message=error.message)
    except CallDeferred as error:
        return Outcome("call_deferred", metadata=error.metadata, deferred=error.kind)
    except ApprovalRequired as error:
        return Outcome("approval_required", metadata=error.metadata)
    except UserError as error:
        raise TerminalError(str(error)) from error
    if isinstance(value, ToolReturn):
        return Outcome("tool_return", tool_return=value)  # pyright: ignore[reportUnknownArgumentType]
    return Outcome("returned", value)


def _value(outcome: Outcome) -> Any:
    match outcome.kind:
        case "returned":
            return outcome.value
        case "tool_return":
            return outcome.tool_return
        case "model_retry":
            raise ModelRetry(outcome.message)
        case "tool_failed":
            raise ToolFailed(outcome.message)
        case "call_deferred":
            raise CallDeferred(outcome.metadata, kind=outcome.deferred)
        case "approval_required":
            raise ApprovalRequired(outcome.metadata)
