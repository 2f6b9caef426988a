"""Due timers: sleeps, delayed invocations, retries.

The database's clock decides what is due. This process sleeps until the next one it knows of; timers set by
others it learns of whenever it looks, at least every ``poll`` seconds, and their own process fires them on
time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pgdurable.store import verbs
from pgdurable.store.errors import TryAgain

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable.store.lane import Lane
    from pgdurable.store.rows import Fired
    from pgdurable.store.verbs import Capacity

LIMIT: Final = 500


class Timers:
    """Fires what is due and sleeps until there is more."""

    def __init__(
        self, lane: Lane, poll: float, offer: Callable[[], Capacity], fired: Callable[[Fired], None]
    ) -> None:
        self._lane = lane
        self._poll = poll
        self._offer = offer
        self._fired = fired
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.time()
        self._wake = asyncio.Event()

    def expect(self, at: float) -> None:
        """A timer was set that is due at ``at``, in the event loop's time."""
        if at < self._next:
            self._next = at
            self._wake.set()

    async def run(self) -> None:
        """Fire, for ever. Raises a :exc:`StoreError` when the incarnation cannot go on."""
        while True:
            await self._sleep()
            self._next = self._loop.time() + self._poll
            try:
                fired = await verbs.fire_timers(self._lane, LIMIT, self._offer())
            except TryAgain:
                self._next = self._loop.time() + 0.01
                continue
            if fired.fired == LIMIT:
                self._next = self._loop.time()
            elif fired.next_in is not None:
                self.expect(self._loop.time() + max(fired.next_in, 0.0))
            self._fired(fired)

    async def _sleep(self) -> None:
        while (wait := self._next - self._loop.time()) > 0:
            self._wake.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                return
