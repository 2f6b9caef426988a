"""A model whose responses are journaled: each is paid for once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pgdurable.ext.current import restate_context
from pgdurable.ext.extras import needs
from pgdurable.ext.pydantic.serde import PydanticTypeAdapter
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.run import RunOptions

with needs("pydantic_ai", extra="pydantic-ai"):
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import CompletedStreamedResponse, Model
    from pydantic_ai.models.wrapper import WrapperModel

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pydantic_ai.agent import EventStreamHandler
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import ModelRequestParameters, StreamedResponse
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import RunContext

__all__ = ["RestateModelWrapper"]

RESPONSE: Final = PydanticTypeAdapter(ModelResponse)


class RestateModelWrapper(WrapperModel):
    """A model for use in handlers, around another one.

    Each request is a step, named ``Model call``, that is retried as ``run_options`` say. Where the response
    is streamed, the step is all of the stream: the ``event_stream_handler`` is called within it, with the
    events as they come, so it is called again where the step is. Raises UsageError outside of handlers.
    """

    def __init__(
        self,
        wrapped: Model,
        run_options: RunOptions[Any] | None = None,
        event_stream_handler: EventStreamHandler[Any] | None = None,
    ) -> None:
        super().__init__(wrapped)
        self._options: RunOptions[ModelResponse] = replace(run_options or RunOptions(), serde=RESPONSE)
        self._event_stream_handler = event_stream_handler

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        with in_turn():
            return await restate_context().run_typed(
                "Model call",
                self.wrapped.request,
                self._options,
                messages,
                model_settings,
                model_request_parameters,
            )

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        handler = self._event_stream_handler

        async def consume() -> ModelResponse:
            async with self.wrapped.request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as stream:
                if handler is not None and run_context is not None:
                    await handler(run_context, stream)
                async for _ in stream:
                    pass
            return stream.get()

        with in_turn():
            response = await restate_context().run_typed("Model stream call", consume, self._options)
        yield CompletedStreamedResponse(
            response, model_request_parameters=model_request_parameters, replay_events=handler is None
        )
