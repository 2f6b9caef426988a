"""Takes ready invocations when there is room for them."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, Final

from pgdurable.engine.wakeful import woken
from pgdurable.store import verbs
from pgdurable.store.errors import TryAgain, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable.store.lane import Lane
    from pgdurable.store.rows import StartRow
    from pgdurable.store.verbs import Capacity

log = logging.getLogger("pgdurable.claimer")

RETRY_PAUSE: Final = 0.1

LATE: Final = 1.0
"""Seconds that what is ready may take to be seen, from when its transaction began: its commit comes later."""

LOOK_BACK: Final = 2.0
"""Seconds after which all that is ready is looked at again, whatever was taken before: a commit may come
later, and another worker that had chosen some may not have taken them."""


class Claimer:
    """Claims when told that there is work, when room was made, and every ``poll()`` seconds."""

    def __init__(
        self,
        lane: Lane,
        poll: Callable[[], float],
        offer: Callable[[], Capacity],
        started: Callable[[list[StartRow]], None],
    ) -> None:
        self._lane = lane
        self._poll = poll
        self._offer = offer
        self._started = started
        self._wake = asyncio.Event()
        self._wake.set()
        self._back = True
        self._looked_back = -math.inf
        """When all was looked at, and"""
        self._took_all = -math.inf
        """when nothing was left of what was looked at."""
        self.starved = False
        """There was work and no room: claim as soon as there is."""

    def wake(self, *, back: bool = False) -> None:
        """There is work. ``back``: it may have been ready for long."""
        self._back |= back
        self._wake.set()

    def room_made(self) -> None:
        """There is room: claim, if that is what was missing."""
        if self.starved:
            self._wake.set()

    async def run(self) -> None:
        """Claim, for ever. Raises a :exc:`StoreError` when the incarnation cannot go on."""
        while True:
            if not await woken(self._wake, self._poll()):
                self._back = True  # nobody said so, but who knows
            await self._claim()

    async def _claim(self) -> None:
        capacity = self._offer()
        self.starved = capacity.room <= 0
        if self.starved:
            return
        began = time.monotonic()
        all_ = self._back or began - self._looked_back > LOOK_BACK
        self._back = False
        try:
            started = await verbs.claim(
                self._lane, capacity, math.inf if all_ else began - self._took_all + LATE
            )
        except (TryAgain, Unavailable) as error:
            log.debug("claiming again: %s", error)
            await asyncio.sleep(RETRY_PAUSE)
            self.wake(back=True)
            return
        if all_:
            self._looked_back = began
        if sum(row.inbox_seq is None for row in started) == capacity.room:
            self.wake(back=all_)
        else:
            self._took_all = began
        if started:
            self._started(started)
