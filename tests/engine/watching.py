"""Waiting for what can be observed, with a deadline: the only way these tests wait."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LOOK_AGAIN = 0.01


def until_blocking(look: Callable[[], T | None], within: float, otherwise: Callable[[], object] | str) -> T:
    """As `until`, for tests without a loop."""
    return asyncio.run(until(look, within, otherwise))


async def until(look: Callable[[], T | None], within: float, otherwise: Callable[[], object] | str) -> T:
    """What ``look`` gives once it is true. ``otherwise`` says what was waited for, in vain."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        if time.monotonic() > deadline:
            complaint = otherwise if isinstance(otherwise, str) else otherwise()
            raise AssertionError(f"not within {within:g} s: {complaint}")
        await asyncio.sleep(LOOK_AGAIN)
    return seen
