"""The state of one key, as an attempt sees it: what it was given, under what it wrote itself.

The map given at the start already holds what this invocation wrote before, if it is being replayed. Replaying
a write over it does no harm: nobody else can write meanwhile, and the reads of a replay come from the
journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class StateView:
    """Values by name; None for one that is known not to exist."""

    __slots__ = ("_values", "complete")

    def __init__(self, values: Mapping[str, bytes | None], complete: bool) -> None:
        self._values: dict[str, bytes | None] = dict(values)
        self.complete = complete
        """Whether what is not here does not exist."""

    @property
    def values(self) -> Mapping[str, bytes | None]:
        """All that is known."""
        return self._values

    def knows(self, name: str) -> bool:
        return self.complete or name in self._values

    def get(self, name: str) -> bytes | None:
        return self._values.get(name)

    def set(self, name: str, value: bytes | None) -> None:
        """Write (None: clear), or remember what was read."""
        self._values[name] = value

    def clear_all(self) -> None:
        """Afterwards everything is known: there is nothing."""
        self._values.clear()
        self.complete = True

    def keys(self, stored: list[str] | None = None) -> list[str]:
        """The names of what exists, sorted; ``stored`` are those in the database, where not all of it is
        here."""
        names = {name for name, value in self._values.items() if value is not None}
        names.update(name for name in stored or () if name not in self._values)
        return sorted(names)
