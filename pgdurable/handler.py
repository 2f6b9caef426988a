"""From a decorated function to its handler, as in `restate.handler`."""

from pgdurable_sdk.handler import Handler as Handler
from pgdurable_sdk.handler import handler_of as handler_from_callable

__all__ = ["Handler", "handler_from_callable"]
