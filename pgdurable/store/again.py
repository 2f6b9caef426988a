"""What PostgreSQL rolled back for a passing reason is done again.

A deadlock, a lock that was not to be had, a statement that somebody cancelled: nothing was done, so any
statement may be sent again, whatever it does. All that send statements of their own do that here: lanes, the
client's pools, commands. So nobody who calls a verb meets a :exc:`TryAgain` that another moment would have
mended. Statements in a transaction of the user's are not sent again: all of it was rolled back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, TypeVar

from pgdurable.store.errors import TryAgain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

log = logging.getLogger("pgdurable.store")

PAUSES: Final = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Seconds before each further time."""


async def again(send: Callable[[], Awaitable[T]]) -> T:
    """What ``send`` returns. Raises a :exc:`TryAgain` that says so when each time ended with one."""
    for pause in PAUSES:
        try:
            return await send()
        except TryAgain as error:
            log.debug("rolled back, sent again in %g s: %s", pause, error)
        await asyncio.sleep(pause)
    try:
        return await send()
    except TryAgain as error:
        raise given_up(error) from error


def again_blocking(send: Callable[[], T]) -> T:
    """As `again`, where there is no event loop."""
    for pause in PAUSES:
        try:
            return send()
        except TryAgain as error:
            log.debug("rolled back, sent again in %g s: %s", pause, error)
        time.sleep(pause)
    try:
        return send()
    except TryAgain as error:
        raise given_up(error) from error


def given_up(error: TryAgain) -> TryAgain:
    """For those who sent it, who need not know which processes of the server were at odds."""
    reason, *_ = str(error).splitlines()
    return TryAgain(f"PostgreSQL rolled it back {len(PAUSES) + 1} times in a row, nothing was done: {reason}")
