"""The time of a harness: the machine's, until a test moves it ahead. Python and SQL have it alike."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pgdurable.store import testing

if TYPE_CHECKING:
    from pgdurable.store.lane import Lane


class Clock:
    """Goes like any other clock, but can be held, set, and sent on. Never back."""

    def __init__(self, dsn: str, lane: Lane) -> None:
        self._dsn = dsn
        self._lane = lane
        self._installed = False
        self._held: float | None = None
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead if self._held is None else self._held

    async def hold(self, at: datetime | None = None) -> datetime:
        """Stop it: where it stands, or at a later time. Returns that time."""
        await self._install()
        held = datetime.fromtimestamp(self.now(), UTC) if at is None else at
        await testing.set_clock(self._lane, held, 0.0)
        self._held = held.timestamp()
        return held

    async def go_on(self) -> None:
        """Let it go on from where it was held."""
        if self._held is not None:
            ahead = self._held - time.time()
            await testing.set_clock(self._lane, None, ahead)
            self._ahead, self._held = ahead, None

    async def remove(self) -> None:
        """Leave the database with its own clock."""
        if self._installed:
            self._installed = False
            await asyncio.to_thread(testing.remove_clock, self._dsn)

    async def _install(self) -> None:
        if not self._installed:
            await asyncio.to_thread(testing.install_clock, self._dsn)
            self._installed = True


def checked(delta: timedelta) -> timedelta:
    """Raises ValueError for a step back."""
    if delta < timedelta():
        raise ValueError(f"time only moves forward, not by {delta}")
    return delta
