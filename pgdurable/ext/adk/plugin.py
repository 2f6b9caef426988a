"""The plugin that makes a runner of ADK durable."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from google.adk.agents import LlmAgent
from google.adk.flows.llm_flows.functions import generate_client_function_call_id
from google.adk.models.llm_response import LlmResponse
from google.adk.plugins import BasePlugin

from pgdurable.ext.adk.session import RestateSessionService
from pgdurable.ext.current import restate_context
from pgdurable.ext.pydantic.serde import PydanticTypeAdapter
from pgdurable.ext.toolturns import expect_calls, turns_of
from pgdurable_sdk.exceptions import Cancelled, TerminalError
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.run import RunOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.adk.agents import BaseAgent, InvocationContext
    from google.adk.agents.callback_context import CallbackContext
    from google.adk.events import Event
    from google.adk.models import BaseLlm
    from google.adk.models.llm_request import LlmRequest
    from google.adk.tools.base_tool import BaseTool
    from google.adk.tools.tool_context import ToolContext
    from google.genai import types

__all__ = ["RestatePlugin"]

RESPONSE: Final = PydanticTypeAdapter(LlmResponse)

IN_ORDER: Final = {"LlmAgent", "SequentialAgent", "LoopAgent"}
"""Agents that do one thing after the other, and nothing that is not a step. By name: some are deprecated."""


class RestatePlugin(BasePlugin):
    """Makes the agents of an ``App`` or ``Runner`` durable, for use in handlers.

    Each response of a model is a step. Tools are not: they use the context, by `restate_context`, one at a
    time, in the order in which the model named them. It goes last in ``plugins``: what it answers for the
    model, later ones are not asked about.

    Parameters:
        run_options: How requests to models are retried: by the handler's policy, if this says nothing.

    Raises TerminalError for agents that are not an ``LlmAgent``, or made of some by ``SequentialAgent`` or
    ``LoopAgent``, and for a live run; UsageError outside of handlers.
    """

    def __init__(self, *, run_options: RunOptions[Any] | None = None) -> None:
        super().__init__(name="restate_plugin")
        self._run_options: RunOptions[LlmResponse] = replace(run_options or RunOptions(), serde=RESPONSE)

    async def before_run_callback(self, *, invocation_context: InvocationContext) -> types.Content | None:
        restate_context()
        if invocation_context.live_request_queue is not None:
            raise TerminalError("agents are not run live in handlers: use run_async")
        return None

    async def before_agent_callback(
        self, *, agent: BaseAgent, callback_context: CallbackContext
    ) -> types.Content | None:
        if any(kind.__name__ in IN_ORDER for kind in type(agent).__mro__):
            return None
        raise TerminalError(
            f"the agent {agent.name} is a {type(agent).__name__}, and what that does is not repeated in the "
            "same order, or not journaled: the RestatePlugin runs LlmAgents, SequentialAgents and LoopAgents"
        )

    async def before_model_callback(
        self, *, callback_context: CallbackContext, llm_request: LlmRequest
    ) -> LlmResponse | None:
        with in_turn():
            response = await self._response(callback_context, llm_request)
        expect_calls([call.id for call in _calls(response) if call.id is not None])
        return response

    async def before_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext
    ) -> dict[str, Any] | None:
        await _take_turn(tool_context)
        return None

    async def after_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext, result: dict[str, Any]
    ) -> dict[str, Any] | None:
        await _take_turn(
            tool_context
        )  # of a call that another plugin has answered: the next ones wait for it
        return None

    async def after_run_callback(self, *, invocation_context: InvocationContext) -> None:
        service = invocation_context.session_service
        if isinstance(service, RestateSessionService):
            await service.flush_session_state(invocation_context.session)

    async def _response(self, context: CallbackContext, request: LlmRequest) -> LlmResponse:
        """The model's, unless a callback has another. This is what ADK does around a request, and does not
        where a plugin answers."""
        run = context.get_invocation_context()
        plugins, agent = run.plugin_manager, run.agent
        assert isinstance(agent, LlmAgent), "no other agent asks a model"
        given = {"callback_context": context, "llm_request": request}
        answer = await _first(agent.canonical_before_model_callbacks, **given)
        if answer:
            return answer
        run.increment_llm_call_count()
        try:
            response = await restate_context().run_typed(
                "call LLM", _ask, self._run_options, agent.canonical_model, request
            )
        except Cancelled:
            raise
        except TerminalError as error:
            answer = await plugins.run_on_model_error_callback(
                callback_context=context, llm_request=request, error=error
            ) or await _first(agent.canonical_on_model_error_callbacks, **given, error=error)
            if answer:
                return answer
            raise
        altered = await plugins.run_after_model_callback(
            callback_context=context, llm_response=response
        ) or await _first(
            agent.canonical_after_model_callbacks, callback_context=context, llm_response=response
        )
        return altered or response


async def _first(callbacks: Iterable[Callable[..., Any]], **arguments: Any) -> LlmResponse | None:
    """The first answer of an agent's callbacks. ADK does not call them where a plugin has answered."""
    for callback in callbacks:
        called = _called(callback, **arguments)
        answer: LlmResponse | None = await called if inspect.isawaitable(called) else called
        if answer:
            return answer
    return None


def _called(callback: Callable[..., Any], **arguments: Any) -> Any:
    """By name, as ADK calls it, or in this order if the function has other names for them."""
    try:
        inspect.signature(callback).bind(**arguments)
    except TypeError:
        return callback(*arguments.values())
    return callback(**arguments)


async def _ask(model: BaseLlm, request: LlmRequest) -> LlmResponse:
    """The response, with ids for the calls in it: they are the same in a replay."""
    responses = [response async for response in model.generate_content_async(request, stream=False)]
    if not responses:
        raise RuntimeError(f"the model {model.model} has not answered")
    for call in _calls(responses[-1]):
        call.id = call.id or generate_client_function_call_id()
    return responses[-1]


def _calls(response: LlmResponse) -> list[types.FunctionCall]:
    parts = response.content.parts if response.content else None
    return [part.function_call for part in parts or () if part.function_call]


async def _take_turn(context: ToolContext) -> None:
    id = context.function_call_id
    assert id is not None, "each call has one when its response is journaled"
    await turns_of(id, _together(id, context.session.events)).take(id)


def _together(id: str, events: list[Event]) -> list[str]:
    """The calls that are made together with this one: those of its response, as callbacks have left it. One
    that had an answer, and is made again since a person allows it, is by itself."""
    for event in reversed(events):
        if any(response.id == id for response in event.get_function_responses()):
            break
        calls = [call.id for call in event.get_function_calls() if call.id is not None]
        if id in calls:
            return calls
    return [id]
