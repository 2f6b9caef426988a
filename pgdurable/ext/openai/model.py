"""Models whose responses are journaled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pgdurable.ext.current import restate_context
from pgdurable.ext.extras import needs
from pgdurable.ext.pydantic.serde import PydanticTypeAdapter
from pgdurable.ext.turnstile import Turnstile
from pgdurable_sdk.exceptions import TerminalError
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.run import RunOptions

with needs("agents", extra="openai"):
    from agents import Model, ModelProvider, ModelResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agents.items import TResponseStreamEvent

RESPONSE: Final = PydanticTypeAdapter(ModelResponse)


class Run:
    """What the models and the tools of one run have in common."""

    def __init__(self, options: RunOptions[Any] | None) -> None:
        self.options: RunOptions[ModelResponse] = replace(options or RunOptions(), serde=RESPONSE)
        self.turnstile = Turnstile([])
        """Of the calls in the last response."""


class DurableModel(Model):
    """A model around another one: each response is a step."""

    def __init__(self, model: Model, run: Run) -> None:
        self._model = model
        self._run = run

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        with in_turn():
            response = await restate_context().run_typed(
                "call LLM", self._model.get_response, self._run.options, *args, **kwargs
            )
        self._run.turnstile = Turnstile(
            [item.call_id for item in response.output if item.type == "function_call"]
        )
        return response

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:
        raise TerminalError("responses are not streamed in handlers: who reads a stream is gone in a replay")


class DurableModelProvider(ModelProvider):
    """A provider of such models, around another one."""

    def __init__(self, provider: ModelProvider, run: Run) -> None:
        self._provider = provider
        self._run = run

    def get_model(self, model_name: str | None) -> Model:
        return DurableModel(self._provider.get_model(model_name), self._run)

    async def aclose(self) -> None:
        await self._provider.aclose()
