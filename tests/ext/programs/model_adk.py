"""Stands for a model of ADK: it wants to know of two cities, and says what it heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.adk.models import BaseLlm
from google.adk.models.llm_response import LlmResponse
from google.genai import types

from tests.engine.ledger import note
from tests.ext.programs.outside import CITIES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from google.adk.models.llm_request import LlmRequest


class Scripted(BaseLlm):
    model: str = "scripted"
    tool: str = "weather"
    asked: int = 0

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        self.asked += 1
        yield self.respond(heard(llm_request))

    def respond(self, heard: list[str]) -> LlmResponse:
        return said(", ".join(heard)) if heard else calls(self.tool, *CITIES)


class Noted(Scripted):
    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        note("model")
        async for response in super().generate_content_async(llm_request, stream):
            yield response


def heard(request: LlmRequest) -> list[str]:
    """What the tools have said since the model was last asked."""
    responses = [part.function_response for part in request.contents[-1].parts or ()]
    return [str((response.response or {}).get("result")) for response in responses if response]


def calls(tool: str, *cities: str) -> LlmResponse:
    parts = [types.Part.from_function_call(name=tool, args={"city": city}) for city in cities]
    return LlmResponse(content=types.Content(role="model", parts=parts))


def said(text: str) -> LlmResponse:
    return LlmResponse(content=types.Content(role="model", parts=[types.Part(text=text)]))


model = Noted()
