"""Where hints go: what a verb returned, to whoever in this process or another can use it.

route     ready work             to our own claimer if it serves the route and has room, else to all
returned  work as old as it was  likewise: nobody runs it any more
notified  news for an invocation to the worker that runs it
result    an invocation ended    to the process whose client waits
abort     a lease was taken away to the worker that had it
timer     a client set one       to all: its own process fires none
schema    somebody migrated it   to all: some may be too old for it
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from pgdurable.store.channels import COMMON, channel_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pgdurable.engine.notifier import Notifier
    from pgdurable.engine.registry import Registry
    from pgdurable.engine.residents import Residents
    from pgdurable.engine.results import Results
    from pgdurable.engine.timers import Timers
    from pgdurable.engine.worker import Worker
    from pgdurable.store.rows import HintRow, NotificationRow


class Hints:
    """Passes hints on, and acts on those that arrive."""

    def __init__(
        self,
        process: UUID,
        notifier: Notifier,
        results: Results,
        registry: Registry,
        timers: Timers,
        schema_changed: Callable[[], None],
    ) -> None:
        self._process = process
        self._notifier = notifier
        self._results = results
        self._registry = registry
        self._timers = timers
        self._schema_changed = schema_changed
        self.worker: Worker | None = None

    def pass_on(self, hints: Iterable[HintRow]) -> None:
        """Hints that a verb returned to this process."""
        for hint in hints:
            if hint.owner is None:
                self._pass_on_route(hint.type, hint.route or "")
            elif hint.owner == self._process or (self.worker and hint.owner == self.worker.incarnation):
                self._act(hint.type, hint.id)
            else:
                self._notifier.send(channel_of(hint.owner), f"{hint.type} {hint.id}")

    def _pass_on_route(self, kind: str, route: str) -> None:
        if self.worker is not None and self.worker.serves(route) and self.worker.has_room:
            self._wake_claimer(back=kind == "returned")
        else:
            self._notifier.send(COMMON, f"{kind} {route}")

    def deliver(self, rows: Iterable[NotificationRow]) -> None:
        """Notifications that a verb called by this process delivered."""
        if self._residents is not None:
            self._residents.deliver(rows)

    def heard(self, line: str) -> None:
        """A line that another process sent."""
        kind, _, subject = line.partition(" ")
        if kind in ("route", "returned"):
            if self.worker is not None and self.worker.serves(subject):
                self._wake_claimer(back=kind == "returned")
        elif kind == "registry":
            self._registry.changed()
            self._wake_claimer(back=True)  # this may be the latest deployment now
        elif kind == "schema":
            self._schema_changed()
        else:
            try:
                if kind == "timer":
                    self._timers.expect(float(subject))
                else:
                    self._act(kind, UUID(subject))
            except ValueError:
                return  # anybody may NOTIFY; what we do not understand is not for us

    def returned(self) -> None:
        """The listening connection is back: lines may have been missed."""
        self._registry.changed()
        self._schema_changed()
        if self._residents is not None:
            self._wake_claimer(back=True)
            self._residents.missing.fetch_all()

    @property
    def _residents(self) -> Residents | None:
        return self.worker.residents if self.worker is not None else None

    def _act(self, kind: str, id: UUID | None) -> None:
        if id is None:
            return
        if kind == "result":
            self._results.announced(id)
        elif self._residents is not None:
            if kind == "notified":
                self._residents.missing.fetch(id)
            elif kind == "abort":
                self._residents.abort(id)

    def _wake_claimer(self, *, back: bool = False) -> None:
        if self.worker is not None and self.worker.claimer is not None:
            self.worker.claimer.wake(back=back)
