"""Waiting for what can be observed, with a deadline: the only way these tests wait."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

LOOK_AGAIN = 0.01


async def until(
    look: Callable[[], T | Awaitable[T]], within: float, otherwise: Callable[[], object] | str
) -> T:
    """What ``look`` gives once it is true. ``otherwise`` says what to complain of."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        found: T = await seen if inspect.isawaitable(seen) else seen
        if found:
            return found
        if time.monotonic() > deadline:
            complaint = otherwise if isinstance(otherwise, str) else otherwise()
            raise AssertionError(f"not within {within:g} s: {complaint}")
        await asyncio.sleep(LOOK_AGAIN)
