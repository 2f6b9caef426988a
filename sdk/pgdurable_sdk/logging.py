"""Logging that knows of invocations: what a handler logged in an earlier attempt is not logged again, and
each record may say which invocation it comes from.
"""

from __future__ import annotations

import logging
from typing import Any

from pgdurable_sdk.futures import CURRENT

__all__ = ["InvocationFilter", "ReplayFilter", "RestateLoggingFilter", "getLogger", "is_replaying"]


def is_replaying() -> bool:
    """Whether the handler that runs here only repeats what it did in an earlier attempt. False outside of
    handlers."""
    attempt = CURRENT.get()
    return attempt is not None and attempt.replaying


class ReplayFilter(logging.Filter):
    """Drops what a replaying handler logs. Add it to handlers or loggers of your own."""

    def filter(self, record: logging.LogRecord) -> bool:
        return super().filter(record) and not is_replaying()


RestateLoggingFilter = ReplayFilter


class InvocationFilter(logging.Filter):
    """Gives each record ``invocation_id`` and ``invocation_target``, for formats to show; ``-`` outside of
    handlers. Add it to a handler of the log::

        handler.addFilter(InvocationFilter())
        handler.setFormatter(logging.Formatter("%(levelname)s %(invocation_id)s %(message)s"))
    """

    def filter(self, record: logging.LogRecord) -> bool:
        attempt = CURRENT.get()
        record.invocation_id = "-" if attempt is None else attempt.debug_id
        record.invocation_target = "-" if attempt is None else attempt.target
        return super().filter(record)


def getLogger(name: str | None = None) -> logging.Logger:
    """A logger that is silent while its handler replays."""
    logger = logging.getLogger(name)
    if not any(isinstance(known, ReplayFilter) for known in logger.filters):
        logger.addFilter(ReplayFilter())
    return logger


def __getattr__(name: str) -> Any:
    # So that `from pgdurable import logging` can stand in for the standard library's module.
    return getattr(logging, name)
