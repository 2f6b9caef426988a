"""Stands for a model of Pydantic AI: it wants to know of two cities, and says what it heard."""

from __future__ import annotations

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from tests.engine.ledger import note
from tests.ext.programs.outside import CITIES


async def think(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    note("model")
    heard = [part.model_response_str() for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
    if heard:
        return ModelResponse(parts=[TextPart(", ".join(heard))])
    return ModelResponse(parts=[ToolCallPart("weather", {"city": city}) for city in CITIES])


model = FunctionModel(think)
