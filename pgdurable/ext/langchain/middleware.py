"""The middleware that makes an agent of LangChain durable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from langchain.agents.middleware import AgentMiddleware, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from pydantic import TypeAdapter

from pgdurable.ext.current import restate_context
from pgdurable.ext.pydantic.serde import PydanticTypeAdapter
from pgdurable.ext.toolturns import expect_calls, turns_of
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.run import RunOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from langchain.agents.middleware import ModelRequest, ToolCallRequest
    from langgraph.types import Command

__all__ = ["RestateMiddleware"]


@dataclass
class Response:
    """A response of a model, as it is journaled: of whatever kinds its messages are."""

    result: list[AnyMessage]
    structured_response: Any = None


RESPONSE: Final = PydanticTypeAdapter(Response)


class RestateMiddleware(AgentMiddleware[Any, Any, Any]):
    """Makes an agent of ``create_agent`` durable, for use in handlers, by ``ainvoke``.

    Each response of the model is a step. Tools are not: they use the context, by `restate_context`, one at a
    time, in the order in which the model named them. It goes first in ``middleware``: what wraps the model
    is then a part of the step, and what wraps a tool, to retry it or to tell the model of its failure, a part
    of its turn.

    Parameters:
        run_options: How requests to the model are retried: by the handler's policy, if this says nothing.

    Raises UsageError outside of handlers.
    """

    def __init__(self, run_options: RunOptions[Any] | None = None) -> None:
        super().__init__()
        self._options: RunOptions[Response] = replace(run_options or RunOptions(), serde=RESPONSE)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        async def ask() -> Response:
            answer = await handler(request)
            return Response(cast("list[AnyMessage]", answer.result), answer.structured_response)

        with in_turn():
            response = await restate_context().run_typed("LLM call", ask, self._options)
        expect_calls(_pending(response.result))
        structured = _structured(response.structured_response, request.response_format)
        return ModelResponse(list(response.result), structured)

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        id = request.tool_call["id"] or ""
        async with turns_of(id, _together(id, request.state)).turn(id):
            result = await handler(request)
            if isinstance(result, ToolMessage) and result.id is None:
                result.id = str(restate_context().uuid())  # otherwise it is given one that a replay has not
        return result


def _together(id: str, state: Any) -> list[str]:
    """The calls that are made together with this one: those that nobody has answered or forbidden before."""
    messages = cast("dict[str, Any]", state)["messages"] if isinstance(state, dict) else state
    calls = _pending(getattr(messages, "messages", messages))
    return calls if id in calls else [id]


def _pending(messages: Sequence[AnyMessage]) -> list[str]:
    """The calls of the last response that have no result."""
    answered: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            return [
                id for call in message.tool_calls if (id := call["id"]) is not None and id not in answered
            ]
        if isinstance(message, ToolMessage):
            answered.add(message.tool_call_id)
    return []


def _structured(value: Any, response_format: Any) -> Any:
    """A structured response as what it was before it was journaled. A schema in JSON makes plain values."""
    schema = getattr(response_format, "schema", None)
    if value is None or schema is None or isinstance(schema, dict):
        return value
    return TypeAdapter[Any](schema).validate_python(value)
