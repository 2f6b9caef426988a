"""The handler that runs here, for tools that are not handed its context."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pgdurable_sdk.context import Context
from pgdurable_sdk.exceptions import UsageError
from pgdurable_sdk.extensions import current_context

if TYPE_CHECKING:
    from pgdurable_sdk.context import ObjectContext

__all__ = ["restate_context", "restate_object_context"]


def restate_context() -> Context:
    """The context of the handler that runs here. Raises UsageError outside of handlers, and in those that are
    plain functions."""
    context = current_context()
    if isinstance(context, Context):
        return context
    raise UsageError(
        "no handler runs here: agents and their tools are made durable by the handler that runs them"
        if context is None
        else "a handler that runs an agent has to be an `async def`"
    )


def restate_object_context() -> ObjectContext:
    """The same in a handler of a virtual object or a workflow, which has state. Raises UsageError
    elsewhere."""
    context = restate_context()
    cast("ObjectContext", context).key()
    return cast("ObjectContext", context)
