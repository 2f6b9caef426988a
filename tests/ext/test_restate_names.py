"""The extensions of Restate's Python SDK 1.3, name by name; tests/unit/test_restate_names.py has the rest."""

from __future__ import annotations

import importlib
from typing import Final

import pytest

from tests.unit.test_restate_names import find, parameters

NAMES: Final = {
    "turnstile": "Turnstile",
    "tracing": "RestateTracer RestateTracerProvider",
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
