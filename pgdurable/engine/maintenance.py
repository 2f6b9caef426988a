"""Upkeep that any process may do: end workers that are gone, expire what is past its retention."""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pgdurable.store import verbs
from pgdurable.store.errors import StoreError

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable.config import Settings
    from pgdurable.engine.hints import Hints
    from pgdurable.store.lane import Lane

log = logging.getLogger("pgdurable.maintenance")

STRETCH: Final = 1000
PATIENCE: Final = timedelta(seconds=0.3)
"""For how long a worker is only suspected to be gone."""
SOON: Final = 1.3 * PATIENCE.total_seconds()
"""Seconds after which whoever suspects one looks again: longer than that, jitter included."""


class Maintenance:
    """All loops survive an absent database: they say so and try again."""

    def __init__(self, lane: Lane, settings: Settings, hints: Hints) -> None:
        self._lane = lane
        self._settings = settings
        self._hints = hints

    async def run_reaper(self) -> None:
        """End dead workers, for ever."""
        while True:
            suspected = False
            try:
                reaped, hints, suspected = await verbs.reap_workers(
                    self._lane, PATIENCE, self._settings.crashes
                )
            except StoreError as error:
                log.debug("dead workers were not looked for: %s", error)
            else:
                for worker in reaped:
                    log.warning("worker %s is gone; what it ran goes on elsewhere", worker)
                self._hints.pass_on(hints)
            pause = min(SOON, self._settings.reap) if suspected else self._settings.reap
            # Jitter, so that several processes do not ask in step.
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))

    async def run_expirer(self) -> None:
        """Expire what has a time of its own to go, for ever: what is kept for a short time goes in time."""
        while True:
            await asyncio.sleep(self._settings.expire * random.uniform(0.8, 1.2))
            try:
                while await verbs.expire_due(self._lane, STRETCH) == STRETCH:
                    pass
            except StoreError as error:
                log.debug("nothing was expired: %s", error)

    async def run_sweeper(self) -> None:
        """Expire old invocations, for ever."""
        while True:
            await asyncio.sleep(self._settings.sweep * random.uniform(0.8, 1.2))
            try:
                await self.sweep()
            except StoreError as error:
                log.debug("the sweep was broken off: %s", error)

    async def sweep(self) -> int:
        """Expire what is past its retention; how many invocations. Raises a :exc:`StoreError`."""
        cursor: UUID | None = None
        total = 0
        while True:
            cursor, expired = await verbs.sweep(self._lane, cursor, STRETCH)
            total += expired
            if cursor is None:
                break
        if total:
            log.info("%d invocations were past their retention", total)
        return total
