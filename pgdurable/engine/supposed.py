"""What the births of one batch on one key suppose of its state: that it was what their handlers were given.

SQL compares that with what is stored, before the batch writes any of it (sql/functions/35_bear.sql). So what
one of them reads of what another has written in the same batch supposes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdurable.store.rows import StateReadRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    State = Mapping[str, bytes | None]


class Supposed:
    """Of one key and batch. ``state`` is all there is, as the batch finds it; ``rows`` are for SQL."""

    __slots__ = ("_cleared", "_key", "_listed", "_rows", "_service", "_settled", "_state", "first")

    def __init__(self, first: UUID, service: str, key: str, state: State, rows: list[StateReadRow]) -> None:
        self.first = first
        """Of these births."""
        self._service = service
        self._key = key
        self._state = state
        self._rows = rows
        self._settled: set[str] = set()
        """Names that were read or written."""
        self._cleared = False
        self._listed = False

    def read(self, id: UUID, name: str) -> None:
        """The handler of ``id`` was given this value."""
        if not self._cleared:
            self._suppose(id, name)

    def listed(self, id: UUID) -> None:
        """It was given all names."""
        if not (self._cleared or self._listed):
            self._suppose_names(id)

    def wrote(self, name: str | None) -> None:
        """A value was written or cleared; without a name, all of them were cleared."""
        if name is None:
            self._cleared = True
        else:
            self._settled.add(name)

    def all_of_it(self, id: UUID) -> None:
        """``id`` goes on after this batch, and may read whatever it was given."""
        self._settled.clear()
        for name, value in self._state.items():
            if value is not None:
                self._suppose(id, name)
        self._suppose_names(id)

    def _suppose(self, id: UUID, name: str) -> None:
        if name not in self._settled:
            self._settled.add(name)
            self._rows.append(StateReadRow(id, self._service, self._key, name, self._state.get(name), None))

    def _suppose_names(self, id: UUID) -> None:
        self._listed = True
        names = sorted(name for name, value in self._state.items() if value is not None)
        self._rows.append(StateReadRow(id, self._service, self._key, None, None, names))
