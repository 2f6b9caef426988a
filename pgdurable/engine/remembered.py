"""The state of keys, as the last exclusive handler that completed here has left it.

What is remembered may be out of date: other processes and people in psql change state, too. So it is only
ever supposed (sql/functions/35_bear.sql). How often that was wrong decides whether it is worth supposing, or
worth a look first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    Key = tuple[str, str]
    State = Mapping[str, bytes | None]

LARGE: Final = 64 * 2**10
"""Bytes of a key's state that are not remembered: one that goes on sends all of it back to be compared."""

MOST: Final = 32 * 2**20
"""Bytes that are remembered in all."""

EACH: Final = 300
"""Bytes that an entry costs beside its values, and a value beside what it holds."""

SURE: Final = 0.1
"""The share of suppositions that may be wrong. One that is costs a commit more than the ordinary way, a look
costs a round trip without a commit."""

PACE: Final = 1 / 32

DETOUR: Final = 32
"""How many complete here in the ordinary way, before a key on which this was wrong is tried again: others are
at it, and of two processes on one hot key each would be wrong all the time."""


@dataclass(slots=True)
class Taken:
    """A key that somebody holds, or may: its invocations go the ordinary way, ``detour`` times yet."""

    detour: int = 0


class Remembered:
    """What is known of keys, those that were not used for the longest time forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._keys: OrderedDict[Key, State | Taken] = OrderedDict()
        self._size = 0
        self._wrong = 0.0

    def get(self, key: Key) -> State | Taken | None:
        """What is known of ``key``; None if that must be looked up."""
        known = self._keys.get(key)
        if known is not None:
            self._keys.move_to_end(key)
            if self._wrong > SURE and not isinstance(known, Taken):
                return None
        return known

    def completed(self, key: Key, state: State, complete: bool) -> None:
        """An exclusive handler has completed here, and left this state."""
        known = self._keys.get(key)
        if isinstance(known, Taken) and known.detour > 0:
            known.detour -= 1
        else:
            self._put(key, state if complete and _size(state) <= LARGE else Taken())

    def taken(self, key: Key, detour: int = 0) -> None:
        """Somebody holds ``key``, or what was supposed of it was wrong."""
        known = self._keys.get(key)
        if isinstance(known, Taken):
            known.detour = max(known.detour, detour)
        else:
            self._put(key, Taken(detour))

    def looked(self, key: Key, state: State) -> None:
        """This is the state of ``key``, as of a moment ago."""
        known = self._keys.get(key)
        if known is not None and not isinstance(known, Taken):
            self.judge(wrong=_present(known) != _present(state))

    def judge(self, *, wrong: bool) -> None:
        """What was remembered of a key turned out to be wrong, or not."""
        self._wrong += (wrong - self._wrong) * PACE

    def _put(self, key: Key, known: State | Taken) -> None:
        before = self._keys.pop(key, None)
        if before is not None:
            self._size -= _size(before)
        self._keys[key] = known
        self._size += _size(known)
        while self._size > self._most:
            _, oldest = self._keys.popitem(last=False)
            self._size -= _size(oldest)


def _size(known: State | Taken) -> int:
    if isinstance(known, Taken):
        return EACH
    return EACH + sum(len(name) + len(value or b"") + EACH for name, value in known.items())


def _present(state: State) -> dict[str, bytes]:
    return {name: value for name, value in state.items() if value is not None}
