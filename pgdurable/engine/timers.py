"""Due timers: sleeps, delayed invocations, retries.

The database's clock decides what is due. This process sleeps until the next timer it knows of; those set by
others it learns of whenever it looks, at least every ``poll`` seconds, and their own process fires them on
time. What becomes runnable is claimed like everything else, so firing needs no worker.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from pgdurable.store import verbs
from pgdurable.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable.store.lane import Lane
    from pgdurable.store.rows import Fired

log = logging.getLogger("pgdurable.timers")

LIMIT: Final = 500
RETRY_PAUSE: Final = 0.2


class Timers:
    """Fires what is due and sleeps until there is more."""

    def __init__(self, lane: Lane, poll: float, fired: Callable[[Fired], None]) -> None:
        self._lane = lane
        self._poll = poll
        self._fired = fired
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.time()
        self._wake = asyncio.Event()

    def expect(self, seconds: float) -> None:
        """A timer was set that is due in ``seconds``."""
        at = self._loop.time() + seconds
        if at < self._next:
            self._next = at
            self._wake.set()

    async def run(self) -> None:
        """Fire, for ever."""
        while True:
            await self._sleep()
            self._next = self._loop.time() + self._poll
            try:
                fired = await verbs.fire_timers(self._lane, LIMIT)
            except StoreError as error:
                log.debug("timers were not fired: %s", error)
                self.expect(RETRY_PAUSE)
                continue
            if fired.fired == LIMIT:
                self.expect(0.0)
            elif fired.next_in is not None:
                self.expect(max(fired.next_in, 0.0))
            self._fired(fired)

    async def _sleep(self) -> None:
        while (wait := self._next - self._loop.time()) > 0:
            self._wake.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                return
