"""Notifications that did not reach an attempt in memory: delivered by other processes, or announced to
nobody.

They are fetched when a hint says so, when a gap in the numbering shows it, and now and then for all attempts:
those that wait, and those in a step, which a cancellation interrupts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pgdurable.engine.wakeful import woken
from pgdurable.store import verbs
from pgdurable.store.errors import StoreError

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable.engine.attempt import Attempt
    from pgdurable.store.lane import Lane
    from pgdurable.store.rows import NotificationRow


EARLY_LIMIT: Final = 4096


class Missing:
    """Fetches what attempts have not heard of, many at once."""

    def __init__(self, lane: Lane, interval: float, attempts: dict[UUID, Attempt]) -> None:
        self._lane = lane
        self._interval = interval
        self._attempts = attempts
        self._wanted: set[UUID] = set()
        self._early: dict[UUID, None] = {}
        self._wake = asyncio.Event()

    def fetch(self, id: UUID) -> None:
        """There is news for ``id``."""
        if id in self._attempts:
            self._wanted.add(id)
            self._wake.set()
        else:
            # Perhaps it was claimed this moment, and is not here yet.
            self._early[id] = None
            if len(self._early) > EARLY_LIMIT:
                del self._early[next(iter(self._early))]

    def begun(self, id: UUID) -> None:
        """An attempt of ``id`` is here now."""
        if self._early and id in self._early:
            del self._early[id]
            self.fetch(id)

    def fetch_all(self) -> None:
        """There may be news for anybody."""
        self._wanted.update(self._attempts)
        if self._wanted:
            self._wake.set()

    async def run(self) -> None:
        """Fetch, for ever."""
        while True:
            if not await woken(self._wake, self._interval):
                self._wanted.update(self._attempts)
            wanted, self._wanted = self._wanted, set()
            heard = {id: self._attempts[id].heard for id in wanted if id in self._attempts}
            if heard:
                await self._fetch(heard)

    async def _fetch(self, heard: dict[UUID, int]) -> None:
        try:
            rows = await verbs.notifications_after(self._lane, list(heard), list(heard.values()))
        except StoreError:
            self._wanted.update(heard)  # with the next round: nothing was changed
        else:
            self._deliver(rows)

    def _deliver(self, rows: list[NotificationRow]) -> None:
        for row in rows:
            attempt = self._attempts.get(row.id)
            if attempt is not None:
                attempt.deliver(row)
