"""Who waits for the result of which invocation, over one listening connection.

A result is announced to the client that waits for it. What is announced may be lost, so whatever is waited
for is also looked up from time to time, all of it in one query, and when the connection had to be made again.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Final, NoReturn
from uuid import UUID

from pgdurable.client.errors import ConnectError
from pgdurable.client.steps import Hear, Listen, Look, Pause, perform
from pgdurable.store.errors import StoreError
from pgdurable.store.rows import ResultRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgdurable.client.steps import Steps

POLL: Final = 1.0
"""Seconds between two looks at everything that is waited for."""
PAUSE: Final = 0.2


class Waits:
    """Futures by invocation. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[UUID, list[Future[ResultRow]]] = {}
        self._looked = monotonic()

    def expect(self, id: UUID) -> Future[ResultRow]:
        """A future for the result of ``id``; `leave` must follow."""
        future: Future[ResultRow] = Future()
        with self._lock:
            self._waiting.setdefault(id, []).append(future)
        return future

    def leave(self, id: UUID, future: Future[ResultRow]) -> None:
        """Nobody waits on ``future`` any more."""
        with self._lock:
            futures = self._waiting.get(id, [])
            if future in futures:
                futures.remove(future)
                if not futures:
                    del self._waiting[id]

    def announced(self, lines: Iterable[str]) -> list[UUID]:
        """Those of the results that these lines speak of which somebody here waits for."""
        spoken = {id for line in lines if (id := _id_of(line)) is not None}
        with self._lock:
            return [id for id in spoken if id in self._waiting]

    def due(self) -> list[UUID]:
        """All that is waited for, if it is time to look at it."""
        if monotonic() < self._looked + POLL:
            return []
        self._looked = monotonic()
        with self._lock:
            return list(self._waiting)

    def look_soon(self) -> None:
        """Something may have been missed."""
        self._looked = monotonic() - POLL

    def resolve(self, rows: Iterable[ResultRow]) -> None:
        """Tell everybody who waits for these."""
        for row in rows:
            with self._lock:
                futures = self._waiting.pop(row.id, [])
            for future in futures:
                if future.set_running_or_notify_cancel():
                    future.set_result(row)

    def fail(self, error: Exception) -> None:
        """Tell all who wait that they wait in vain."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for futures in waiting.values():
            for future in futures:
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)


def _id_of(line: str) -> UUID | None:
    kind, _, subject = line.partition(" ")
    if kind != "result":
        return None
    try:
        return UUID(subject)
    except ValueError:
        return None  # anybody may NOTIFY


def watch(waits: Waits, patience: float) -> Steps[NoReturn]:
    """Resolve what is waited for, for ever; fail it when the database was away for ``patience`` seconds."""
    heard = monotonic()
    while True:
        try:
            yield from perform(Listen())
            waits.look_soon()
            while True:
                ids = waits.due()
                if not ids:
                    lines = yield from perform(Hear(POLL))
                    ids = waits.announced(lines)
                if ids:
                    rows = yield from perform(Look("results", (ids,)))
                    waits.resolve(ResultRow(*row) for row in rows)
                heard = monotonic()
        except StoreError as error:
            if monotonic() > heard + patience:
                waits.fail(
                    ConnectError(
                        f"the database has been away for {patience:g} s while results were awaited; "
                        f"the invocations go on: {error}"
                    )
                )
                heard = monotonic()
            yield from perform(Pause(PAUSE))
