"""An agent of Pydantic AI that runs in handlers, and whose run survives what they survive."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pgdurable.ext.current import restate_context
from pgdurable.ext.extras import needs
from pgdurable.ext.pydantic.model import RestateModelWrapper
from pgdurable.ext.pydantic.toolset import (
    InTurnToolset,
    RestateContextRunToolSet,
    RestateMCPToolset,
    asking_one_by_one,
)
from pgdurable_sdk.exceptions import UsageError
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.run import RunOptions

with needs("pydantic_ai", extra="pydantic-ai"):
    from pydantic_ai.agent import AbstractAgent, WrapperAgent
    from pydantic_ai.models import Model
    from pydantic_ai.output import OutputDataT
    from pydantic_ai.tools import AgentDepsT
    from pydantic_ai.toolsets import ExternalToolset

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Sequence

    from pydantic_ai.agent import AgentRun, AgentRunResult, EventStreamHandler
    from pydantic_ai.messages import AgentStreamEvent
    from pydantic_ai.tools import RunContext
    from pydantic_ai.toolsets import AbstractToolset

__all__ = ["RestateAgent"]


class RestateAgent(WrapperAgent[AgentDepsT, OutputDataT]):
    """An agent for use in handlers, around another one.

    Its model's responses and its tools' results are journaled steps, and tools are called one at a time, in
    the model's order. Made once, it may be used by any number of handlers at the same time.

    Parameters:
        wrapped: The agent, which has its model. A model that is given to a run is refused.
        event_stream_handler: Called with the events of the model within the step of its request, and with
            each other event in a step of its own.
        disable_auto_wrapping_tools: Tools of functions are not steps, but may use the context themselves, by
            `restate_context`. (What an MCP server does is always a step.)
        run_options: How steps of the model are retried: by the handler's retry policy, if this says nothing.

    Raises UsageError if the agent has no model, or is run outside of handlers.
    """

    def __init__(
        self,
        wrapped: AbstractAgent[AgentDepsT, OutputDataT],
        *,
        event_stream_handler: EventStreamHandler[AgentDepsT] | None = None,
        disable_auto_wrapping_tools: bool = False,
        run_options: RunOptions[Any] | None = None,
    ) -> None:
        super().__init__(wrapped)
        if not isinstance(wrapped.model, Model):
            raise UsageError(
                f"the agent {wrapped.name or ''} needs a model of its own, an instance of Model: "
                "a replay has to ask the one that was asked before"
            )
        self._event_stream_handler = event_stream_handler or wrapped.event_stream_handler
        self._plain_tools = disable_auto_wrapping_tools
        self._run_options = run_options
        self._model = RestateModelWrapper(wrapped.model, run_options, self._event_stream_handler)
        self._toolsets = [self._durable(toolset) for toolset in wrapped.toolsets]

    @property
    def model(self) -> Model:
        return self._model

    @property
    def toolsets(self) -> Sequence[AbstractToolset[AgentDepsT]]:
        return self._toolsets

    @property
    def event_stream_handler(self) -> EventStreamHandler[AgentDepsT] | None:
        return None if self._event_stream_handler is None else self._handle_events

    async def _run(self, *args: Any, **kwargs: Any) -> AgentRunResult[Any]:
        """As ``Agent.run``."""
        handler = kwargs.pop("event_stream_handler", None)
        result: AgentRunResult[Any] = (
            await super().run(*args, **kwargs)
            if handler is None
            else await self._with_handler(handler).run(*args, **kwargs)
        )
        return result

    def _no_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: who reads such a stream is not there when it is replayed."""
        raise UsageError(
            "agents are not streamed in handlers: use `run`, and an event_stream_handler for what happens "
            "meanwhile"
        )

    @asynccontextmanager
    async def _iter(self, *args: Any, **kwargs: Any) -> AsyncGenerator[AgentRun[AgentDepsT, Any]]:
        """As ``Agent.iter``. The ids of the run are the same in each replay."""
        context = restate_context()
        if kwargs.get("model") is not None:
            raise UsageError("a RestateAgent keeps the model that it was made with: wrap another agent")
        kwargs["toolsets"] = [self._durable(toolset) for toolset in kwargs.get("toolsets") or ()]
        kwargs["run_id"] = kwargs.get("run_id") or str(context.uuid())
        with (
            self.wrapped.override(model=self._model, toolsets=self._toolsets, tools=[]),
            self.parallel_tool_call_execution_mode("sequential"),
        ):
            async with asking_one_by_one(), super().iter(*args, **kwargs) as run:
                yield run

    if not TYPE_CHECKING:  # there they have the signatures of Pydantic AI, which say what a run returns
        run, iter = _run, _iter
        run_stream = run_stream_sync = run_stream_events = _no_stream

    def _with_handler(self, handler: EventStreamHandler[AgentDepsT]) -> RestateAgent[AgentDepsT, OutputDataT]:
        return RestateAgent(
            self.wrapped,
            event_stream_handler=handler,
            disable_auto_wrapping_tools=self._plain_tools,
            run_options=self._run_options,
        )

    def _durable(self, toolset: AbstractToolset[AgentDepsT]) -> AbstractToolset[AgentDepsT]:
        return toolset.visit_and_replace(self._durable_leaf)

    def _durable_leaf(self, toolset: AbstractToolset[AgentDepsT]) -> AbstractToolset[AgentDepsT]:
        if isinstance(toolset, (InTurnToolset, ExternalToolset)):
            return toolset
        if _is_mcp(toolset):
            return RestateMCPToolset(toolset)
        return InTurnToolset(toolset) if self._plain_tools else RestateContextRunToolSet(toolset)

    async def _handle_events(
        self, ctx: RunContext[AgentDepsT], stream: AsyncIterable[AgentStreamEvent]
    ) -> None:
        handler = self._event_stream_handler
        assert handler is not None, "asked for only where there is one"
        async for event in stream:
            with in_turn():
                await restate_context().run_typed(
                    f"Event {event.event_kind}", handler, RunOptions(), ctx, _alone(event)
                )


async def _alone(event: AgentStreamEvent) -> AsyncGenerator[AgentStreamEvent]:
    yield event


def _is_mcp(toolset: AbstractToolset[Any]) -> bool:
    """Without importing what only they need who use such a server."""
    return any(base.__module__ == "pydantic_ai.mcp" for base in type(toolset).__mro__)
