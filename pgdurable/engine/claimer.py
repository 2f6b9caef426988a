"""Takes ready invocations when there is room for them."""

from __future__ import annotations

import asyncio
import logging
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
        self.starved = False
        """There was work and no room: claim as soon as there is."""

    def wake(self) -> None:
        """There is work."""
        self._wake.set()

    def room_made(self) -> None:
        """There is room: claim, if that is what was missing."""
        if self.starved:
            self._wake.set()

    async def run(self) -> None:
        """Claim, for ever. Raises a :exc:`StoreError` when the incarnation cannot go on."""
        while True:
            await woken(self._wake, self._poll())
            await self._claim()

    async def _claim(self) -> None:
        capacity = self._offer()
        self.starved = capacity.room <= 0
        if self.starved:
            return
        try:
            started = await verbs.claim(self._lane, capacity)
        except (TryAgain, Unavailable) as error:
            log.debug("claiming again: %s", error)
            await asyncio.sleep(RETRY_PAUSE)
            self._wake.set()
            return
        if sum(row.inbox_seq is None for row in started) == capacity.room:
            self._wake.set()
        if started:
            self._started(started)
