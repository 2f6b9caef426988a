"""Agents of the OpenAI Agents SDK in handlers. Needs the extra ``pgdurable[openai]``."""

from pgdurable.ext.current import restate_context, restate_object_context
from pgdurable.ext.openai.errors import propagate_cancellation, raise_terminal_errors
from pgdurable.ext.openai.runner import DurableRunner
from pgdurable.ext.openai.session import RestateSession
from pgdurable.ext.openai.tools import durable_function_tool

__all__ = [
    "DurableRunner",
    "RestateSession",
    "durable_function_tool",
    "propagate_cancellation",
    "raise_terminal_errors",
    "restate_context",
    "restate_object_context",
]
