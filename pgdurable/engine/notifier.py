"""Wake-ups for other processes: hints that may be lost, sent off the write path.

NOTIFY serialises the commits of a whole PostgreSQL instance, so it is never part of a transaction that
carries work. Hints are collected, deduplicated and sent in a transaction of their own: the first at once,
the next a moment later.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pgdurable.store import verbs
from pgdurable.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgdurable.store.lane import Lane

PAYLOAD_LIMIT: Final = 7900  # PostgreSQL allows 8000 bytes
PAUSE: Final = 0.005


class Notifier:
    """Collects hints and sends them."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._lines: dict[str, dict[str, None]] = {}
        self._wake = asyncio.Event()

    def send(self, channel: str, line: str) -> None:
        """Send ``line`` soon; the same line twice is sent once."""
        self._lines.setdefault(channel, {})[line] = None
        self._wake.set()

    async def run(self) -> None:
        """Send what was collected, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()
            await asyncio.sleep(PAUSE)

    async def flush(self) -> None:
        """Send now what was collected."""
        lines, self._lines = self._lines, {}
        messages = [(channel, text) for channel, some in lines.items() for text in payloads(some)]
        if not messages:
            return
        channels, texts = zip(*messages, strict=True)
        try:
            await verbs.notify(self._lane, channels, texts)
        except StoreError:
            return  # hints only: those who wait for them poll too


def payloads(lines: Iterable[str]) -> list[str]:
    """Lines packed into as few payloads as PostgreSQL allows."""
    packed: list[str] = []
    room = 0
    for line in lines:
        size = len(line.encode()) + 1
        if size > room:
            packed.append(line)
            room = PAYLOAD_LIMIT - size
        else:
            packed[-1] += f"\n{line}"
            room -= size
    return packed
