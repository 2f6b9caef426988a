"""Summaries of conversations that are made once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from google.adk.apps.base_events_summarizer import BaseEventsSummarizer
from google.adk.apps.llm_event_summarizer import LlmEventSummarizer
from google.adk.events import Event

from pgdurable.ext.current import restate_context
from pgdurable.ext.pydantic.serde import PydanticTypeAdapter
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.run import RunOptions

if TYPE_CHECKING:
    from google.adk.models import BaseLlm

__all__ = ["RestateEventSummarizer"]

EVENT: Final = PydanticTypeAdapter(Event)


class RestateEventSummarizer(BaseEventsSummarizer):
    """Journals what another summarizer makes of a conversation, for ``EventsCompactionConfig`` in handlers.

    Parameters:
        inner: The one that makes the summary.
        max_retries: How often that is tried, at first a second apart; then the invocation fails, with a
            TerminalError.
    """

    def __init__(self, inner: BaseEventsSummarizer, max_retries: int = 10) -> None:
        self._inner = inner
        self._options: RunOptions[Event | None] = RunOptions(
            serde=cast("PydanticTypeAdapter[Event | None]", EVENT),
            max_attempts=max_retries,
            initial_retry_interval=timedelta(seconds=1),
        )

    @staticmethod
    def from_llm(
        llm: BaseLlm, prompt_template: str | None = None, max_retries: int = 10
    ) -> RestateEventSummarizer:
        """Summaries by a model, as ``LlmEventSummarizer`` makes them."""
        return RestateEventSummarizer(LlmEventSummarizer(llm, prompt_template), max_retries)

    @staticmethod
    def from_summarizer(summarizer: BaseEventsSummarizer, max_retries: int = 10) -> RestateEventSummarizer:
        """Summaries by another summarizer."""
        return RestateEventSummarizer(summarizer, max_retries)

    async def maybe_summarize_events(self, *, events: list[Event]) -> Event | None:
        """The summary of these events, as an event; None if there is none. Raises UsageError outside of
        handlers."""
        if not events:
            return None
        with in_turn():
            return await restate_context().run_typed(
                "compaction LLM call", self._inner.maybe_summarize_events, self._options, events=events
            )
