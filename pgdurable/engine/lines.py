"""Who of this process's clients comes next on a key that is free: births, one behind the other.

A handler of an object is begun while it is being accepted, as one of a service is, where its key is free and
the state behind it known. The next of the same key is begun when it has completed, on the state that it has
left in memory, and so on, in the order of arrival; all of them are one commit, or a few. One that does not
complete at once holds its key from its commit on, and those behind it go the ordinary way, into its inbox.

All of that is supposed, until SQL has compared it (sql/functions/35_bear.sql). Where one was wrong, those
behind it were, too.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from pgdurable.engine.batch import Birth
from pgdurable.engine.remembered import DETOUR, Remembered, Taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable.engine.attempt import Attempt
    from pgdurable.engine.remembered import Key, State
    from pgdurable.store.rows import SubmissionRow

LONG: Final = 1024
"""How many may wait behind one, who all have a client that waits for them."""


class Line:
    """Of one key: the last that was begun, and who waits behind it. ``state`` None: it is being looked up."""

    __slots__ = ("last", "looked", "running", "state", "waiting")

    def __init__(self, state: State | None) -> None:
        self.state = state
        self.looked = state is None
        self.last: Attempt | None = None
        self.running = False
        self.waiting: deque[Birth] = deque()


class Lines:
    """All of them. ``bear`` begins a birth on a state, after another one whose commit is not certain yet."""

    def __init__(
        self,
        bear: Callable[[Birth, State, Attempt | None], Attempt],
        want: Callable[[Key], None],
    ) -> None:
        self._bear = bear
        self._want = want
        self._lines: dict[Key, Line] = {}
        self._remembered = Remembered()

    def join(self, row: SubmissionRow) -> Birth | None:
        """Have ``row`` born in its turn; None if it must go the ordinary way."""
        key = row.service, row.key or ""
        line = self._lines.get(key)
        if line is None:
            known = self._remembered.get(key)
            if isinstance(known, Taken):
                return None
            line = self._lines[key] = Line(known)
            if known is None:
                self._want(key)
        elif len(line.waiting) >= LONG:
            return None
        birth = Birth(row)
        line.waiting.append(birth)
        self._advance(line)
        return birth

    def has(self, row: SubmissionRow) -> bool:
        """Whether there is a line for its key."""
        return (row.service, row.key or "") in self._lines

    def looked_up(self, key: Key, state: State | None) -> None:
        """The state of ``key``; None if it is not free, or nothing to suppose."""
        line = self._lines.get(key)
        if line is None or line.state is not None:
            return
        if state is None:
            self._close(key, line)
            return
        self._remembered.looked(key, state)
        line.state = state
        self._advance(line)

    def completed(self, attempt: Attempt) -> None:
        """A birth has completed, and its commit is to come: the next may begin."""
        line = self._line(attempt)
        if line is not None:
            line.running = False
            self._advance(line)

    def committed(self, attempt: Attempt) -> None:
        """An exclusive handler has completed, and nobody was begun behind it: the key is free."""
        key = key_of(attempt)
        line = self._line(attempt)
        if line is not None:
            del self._lines[key]
        if key not in self._lines:
            self._remembered.completed(key, *attempt.execution.left)

    def leave(self, attempt: Attempt) -> None:
        """A birth did not complete at once, or never was: those behind it go the ordinary way."""
        line = self._line(attempt)
        if line is not None:
            self._close(key_of(attempt), line)

    def taken(self, attempt: Attempt) -> None:
        """It holds its key."""
        self._remembered.taken(key_of(attempt))

    def right(self, birth: Birth) -> None:
        """What this one supposed was so."""
        if birth.from_memory:
            self._remembered.judge(wrong=False)

    def wrong(self, birth: Birth) -> None:
        """What this one supposed was not so."""
        if birth.from_memory:
            self._remembered.judge(wrong=True)
        self._remembered.taken((birth.row.service, birth.row.key or ""), DETOUR)

    def close(self) -> None:
        """Nobody is born here any more."""
        for key, line in list(self._lines.items()):
            self._close(key, line)

    def _line(self, attempt: Attempt) -> Line | None:
        line = self._lines.get(key_of(attempt))
        return line if line is not None and line.last is attempt else None

    def _advance(self, line: Line) -> None:
        if line.state is None or line.running or not line.waiting:
            return
        birth, last = line.waiting.popleft(), line.last
        birth.from_memory = last is None and not line.looked
        line.running = True
        line.last = self._bear(birth, line.state if last is None else last.execution.left[0], last)

    def _close(self, key: Key, line: Line) -> None:
        del self._lines[key]
        self._remembered.taken(key)
        for birth in line.waiting:
            birth.settle(accepted=False)


def key_of(attempt: Attempt) -> Key:
    """The key that an exclusive handler holds."""
    return attempt.row.service, attempt.row.key or ""
