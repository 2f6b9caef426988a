"""Stands for a model of LangChain: it wants to know of two cities, and says what it heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult

from tests.engine.ledger import note
from tests.ext.programs.outside import CITIES

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


class Scripted(BaseChatModel):
    tool: str = "weather"
    asked: int = 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.asked += 1
        return ChatResult(generations=[ChatGeneration(message=self.respond(heard(messages)))])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(messages)

    def respond(self, heard: list[str]) -> AIMessage:
        return AIMessage(", ".join(heard)) if heard else calls(self.tool, *CITIES)


class Noted(Scripted):
    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        note("model")
        return super()._generate(messages)


def heard(messages: list[BaseMessage]) -> list[str]:
    """What the tools have said since the model was last asked."""
    last = max((at for at, message in enumerate(messages) if isinstance(message, AIMessage)), default=0)
    return [message.text for message in messages[last:] if isinstance(message, ToolMessage)]


def calls(tool: str, *cities: str) -> AIMessage:
    return AIMessage(
        "", tool_calls=[tool_call(name=tool, args={"city": city}, id=f"call-{city}") for city in cities]
    )


model = Noted()
