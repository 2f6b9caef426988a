"""Who in this process waits for the result of an invocation.

Results of handlers that run here are handed over in memory, once committed. Those of other processes are
announced by a notification, which may be lost; so whatever is waited for is also looked up every now and
then, all of it in one query.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from pgdurable.engine.wakeful import woken
from pgdurable.store import verbs
from pgdurable.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from pgdurable.store.lane import Lane


class Result(NamedTuple):
    """How an invocation ended: ``outcome`` 'success' with its output, or 'failure' with JSON."""

    outcome: str
    value: bytes


class Results:
    """Futures by invocation id."""

    def __init__(self, lane: Lane, interval: float) -> None:
        self._lane = lane
        self._interval = interval
        self._waiting: dict[UUID, list[asyncio.Future[Result]]] = {}
        self._wanted: set[UUID] = set()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def expect(self, id: UUID) -> asyncio.Future[Result]:
        """A future for the result of ``id``; :meth:`leave` must follow."""
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting.setdefault(id, []).append(future)
        return future

    def leave(self, id: UUID, future: asyncio.Future[Result]) -> None:
        """Nobody waits on ``future`` any more."""
        futures = self._waiting.get(id)
        if futures is not None and future in futures:
            futures.remove(future)
            if not futures:
                del self._waiting[id]

    def resolve(self, id: UUID, outcome: str, value: bytes | None) -> None:
        """Tell everybody who waits for ``id``; does nothing where nobody does."""
        for future in self._waiting.pop(id, ()):
            if not future.done():
                future.set_result(Result(outcome, value or b""))

    def announced(self, id: UUID) -> None:
        """Another process says that there is a result."""
        if id in self._waiting:
            self._wanted.add(id)
            self._wake.set()

    async def run(self) -> None:
        """Look up what was announced, and everything from time to time."""
        while True:
            if not await woken(self._wake, self._interval):
                self._wanted.update(self._waiting)
            wanted, self._wanted = self._wanted, set()
            await self._look_up(wanted)

    async def _look_up(self, ids: Iterable[UUID]) -> None:
        wanted = list(ids)
        if not wanted:
            return
        try:
            found = await verbs.results(self._lane, wanted)
        except StoreError:
            return  # they are waited for still, so the next round asks again
        for row in found:
            self.resolve(row.id, row.outcome, row.value)
