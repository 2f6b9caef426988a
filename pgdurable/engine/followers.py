"""Who comes next on the keys that this worker holds.

SQL shows a worker the next in the inbox of a key, its followers. When the holder completes, the first of
them is begun at once, on the state that the holder has left, and what it does rides in the batch that
completes the holder: so a hot key costs a commit for many invocations, and not one for each. Whether it was
really next, SQL decides (sql/functions/36_follow.sql); what was begun in vain is dropped, and nothing of it
has left the process.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from pgdurable_sdk.handler import HandlerType

if TYPE_CHECKING:
    from pgdurable.engine.attempt import Attempt
    from pgdurable.store.rows import StartRow

    Key = tuple[str, str | None]

FEW: Final = 32
"""With fewer at hand, more are asked for."""

MOST: Final = 64 * 2**20
"""Bytes of input, of all keys, that wait here: holders may wait for long, and those behind them do so in the
database, too."""


class Followers:
    """By key, the attempt that is the last to be begun here, and the followers behind it."""

    def __init__(self) -> None:
        self._last: dict[Key, Attempt] = {}
        self._behind: dict[Key, deque[StartRow]] = {}
        self._size = 0

    def leased(self, attempt: Attempt) -> None:
        """SQL has started ``attempt``: whoever was behind another one on its key may be out of date."""
        if attempt.row.handler_type == HandlerType.EXCLUSIVE:
            key = attempt.row.service, attempt.row.key
            self._forget(key)
            self._last[key] = attempt

    def add(self, row: StartRow) -> None:
        """A follower of its key, if anybody is there that it could follow."""
        key = row.service, row.key
        if key not in self._last or row.inbox_seq is None:
            return
        behind = self._behind.setdefault(key, deque())
        if not behind or row.inbox_seq > (behind[-1].inbox_seq or 0):
            behind.append(row)
            self._size += _size(row)
            if self._size > MOST:
                self._forget(key)

    def take(self, attempt: Attempt) -> StartRow | None:
        """The one that follows ``attempt``; :meth:`begun` must follow, or :meth:`leave`."""
        key = attempt.row.service, attempt.row.key
        behind = self._behind.get(key)
        if not behind or self._last.get(key) is not attempt:
            return None
        row = behind.popleft()
        self._size -= _size(row)
        return row

    def begun(self, follower: Attempt) -> int | None:
        """It was begun: the number in the inbox behind which more of them are wanted, if they are."""
        key = follower.row.service, follower.row.key
        self._last[key] = follower
        behind = self._behind[key]
        if len(behind) >= FEW:
            return None
        return behind[-1].inbox_seq if behind else 0

    def leave(self, attempt: Attempt) -> None:
        """Nobody follows ``attempt`` ahead of his turn: it did not complete, or SQL is to say who is next."""
        if attempt.row.handler_type == HandlerType.EXCLUSIVE:
            key = attempt.row.service, attempt.row.key
            if self._last.get(key) is attempt:
                self._forget(key)

    def _forget(self, key: Key) -> None:
        self._last.pop(key, None)
        for row in self._behind.pop(key, ()):
            self._size -= _size(row)


def _size(row: StartRow) -> int:
    return len(row.entries[0].value or b"") if row.entries else 0
