"""Stands for a model of the OpenAI Agents SDK: it wants to know of two cities, and says what it heard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from agents import Model, ModelResponse, Usage, set_tracing_disabled
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputItem,
    ResponseOutputMessage,
    ResponseOutputText,
)

from tests.engine.ledger import note
from tests.ext.programs.outside import CITIES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

set_tracing_disabled(True)


class Scripted(Model):
    def __init__(self) -> None:
        self.asked: int = 0

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        self.asked += 1
        given = kwargs["input"] if "input" in kwargs else args[1]
        items = cast("list[dict[str, Any]]", given if isinstance(given, list) else [{}])
        if items[-1].get("call_id") != f"call-{CITIES[-1]}":
            return respond(*map(call, CITIES))
        return respond(said(", ".join(item["output"] for item in items[-2:])))

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


class Noted(Scripted):
    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        note("model")
        return await super().get_response(*args, **kwargs)


def respond(*items: ResponseOutputItem) -> ModelResponse:
    return ModelResponse(output=list(items), usage=Usage(), response_id=None)


def said(text: str) -> ResponseOutputMessage:
    content = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(
        id="m", content=[content], role="assistant", status="completed", type="message"
    )


def call(city: str, tool: str = "weather") -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(
        call_id=f"call-{city}", name=tool, arguments=json.dumps({"city": city}), type="function_call"
    )


model = Noted()
