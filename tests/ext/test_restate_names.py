"""The extensions of Restate's Python SDK 1.3, name by name; tests/unit/test_restate_names.py has the rest."""

from __future__ import annotations

import importlib
from typing import Final

import pytest

from tests.unit.test_restate_names import find, parameters

NAMES: Final = {
    "turnstile": "Turnstile",
    "tracing": "RestateTracer RestateTracerProvider",
    "adk": """
        RestatePlugin RestateSessionService RestateEventSummarizer restate_context restate_object_context
        """,
    "langchain": "RestateMiddleware restate_context restate_object_context",
    "openai": """
        DurableRunner durable_function_tool RestateSession raise_terminal_errors propagate_cancellation
        restate_context restate_object_context
        """,
    "pydantic": """
        RestateAgent RestateModelWrapper RestateContextRunToolSet PydanticTypeAdapter
        restate_context restate_object_context
        """,
}

SIGNATURES: Final = {
    "turnstile.Turnstile": "ids",
    "turnstile.Turnstile.wait_for": "id",
    "turnstile.Turnstile.allow_next_after": "id",
    "turnstile.Turnstile.cancel_all_after": "id",
    "turnstile.Turnstile.cancel_all": "",
    "tracing.RestateTracer": "tracer",
    "tracing.RestateTracerProvider": "provider",
    "adk.RestatePlugin": "run_options=",
    "adk.RestateSessionService": "",
    "adk.RestateSessionService.ctx": "",
    "adk.RestateSessionService.create_session": "app_name, user_id, state=, session_id=",
    "adk.RestateSessionService.has_session": "session_id",
    "adk.RestateSessionService.get_session": "app_name, user_id, session_id, config=",
    "adk.RestateSessionService.list_sessions": "app_name, user_id=",
    "adk.RestateSessionService.delete_session": "app_name, user_id, session_id",
    "adk.RestateSessionService.append_event": "session, event",
    "adk.RestateSessionService.flush_session_state": "session",
    "adk.RestateEventSummarizer": "inner, max_retries=",
    "adk.RestateEventSummarizer.from_llm": "llm, prompt_template=, max_retries=",
    "adk.RestateEventSummarizer.from_summarizer": "summarizer, max_retries=",
    "adk.RestateEventSummarizer.maybe_summarize_events": "events",
    "langchain.RestateMiddleware": "run_options=",
    "langchain.RestateMiddleware.awrap_model_call": "request, handler",
    "langchain.RestateMiddleware.awrap_tool_call": "request, handler",
    "openai.DurableRunner.run": "starting_agent, input, use_restate_session=",
    "openai.raise_terminal_errors": "context, error",
    "openai.propagate_cancellation": "failure_error_function=",
    "openai.RestateSession": "",
    "openai.RestateSession.get_items": "limit=",
    "openai.RestateSession.add_items": "items",
    "openai.RestateSession.flush": "",
    "pydantic.RestateAgent": "wrapped, event_stream_handler=, disable_auto_wrapping_tools=",
    "pydantic.RestateModelWrapper": "wrapped",
    "pydantic.RestateContextRunToolSet": "wrapped",
}


@pytest.mark.parametrize("extension", NAMES)
def test_every_name_is_where_restate_has_it(extension: str) -> None:
    module = importlib.import_module(f"pgdurable.ext.{extension}")
    assert [name for name in NAMES[extension].split() if not hasattr(module, name)] == []


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_call_of_restate_is_one_of_ours(name: str) -> None:
    wanted = [part for part in SIGNATURES[name].split(", ") if part]
    ours = parameters(find(f"ext.{name}"))
    assert ours[: len(wanted)] == wanted
    assert all(part.endswith("=") or part == "**kwargs" for part in ours[len(wanted) :]), (
        "what is added may be left out"
    )
