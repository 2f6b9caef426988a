"""What becomes of a tool's exceptions. The SDK tells them to the model, unless it is told otherwise."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from pgdurable.ext.extras import needs
from pgdurable_sdk.exceptions import TerminalError

with needs("agents", extra="openai"):
    from agents import AgentsException, ModelBehaviorError
    from agents.tool import default_tool_error_function

if TYPE_CHECKING:
    from agents import RunContextWrapper
    from agents.tool import ToolErrorFunction

__all__ = ["propagate_cancellation", "raise_terminal_errors"]

CANCELLED = 409


class AgentsTerminalError(TerminalError, AgentsException):
    """A TerminalError that the SDK lets pass as one of its own."""


def raise_terminal_errors(context: RunContextWrapper[Any], error: Exception) -> str:
    """For ``failure_error_function``: a TerminalError ends the run, what the model did wrong it is told, and
    everything else fails the attempt, which is retried."""
    if isinstance(error, TerminalError):
        raise AgentsTerminalError(error.message, error.status_code, error.metadata) from error
    if isinstance(error, ModelBehaviorError):
        return f"The tool was called in a wrong way: {error}"
    raise error


def propagate_cancellation(failure_error_function: ToolErrorFunction | None = None) -> ToolErrorFunction:
    """For ``failure_error_function``: that function, or the SDK's own, but a cancellation ends the run."""
    otherwise = failure_error_function or default_tool_error_function

    async def tell(context: RunContextWrapper[Any], error: Exception) -> str:
        if isinstance(error, TerminalError) and error.status_code == CANCELLED:
            return raise_terminal_errors(context, error)
        told = otherwise(context, error)
        return await told if inspect.isawaitable(told) else told

    return tell
