"""How a part waits that looks at something when it is told, and now and then in case that nobody told it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pgdurable.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def woken(wake: asyncio.Event, within: float) -> bool:
    """Wait for ``wake``, and no longer than so many seconds: whether it came. It may come again."""
    try:
        async with asyncio.timeout(within):
            await wake.wait()
    except TimeoutError:
        return False
    finally:
        wake.clear()
    return True


async def keep_reading(
    wake: asyncio.Event,
    interval: float,
    read: Callable[[], Awaitable[None]],
    failed: Callable[[StoreError], None],
) -> None:
    """Read for ever: whenever ``wake`` is set, and every ``interval`` seconds.

    ``failed`` is told of a database that does not answer; the next time is soon enough.
    """
    while True:
        await woken(wake, interval)
        try:
            await read()
        except StoreError as error:
            failed(error)
