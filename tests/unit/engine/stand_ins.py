"""What the parts of the engine are given in these tests instead of a database and of each other."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from pgdurable.store.rows import EndingRow, EntryRow, StateWriteRow, SubmissionRow
from pgdurable.store.verbs import Capacity
from pgdurable_sdk.journal.entries import EntryType

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pgdurable.engine.attempt import Attempt
    from pgdurable.engine.supposed import Supposed
    from pgdurable.store.lane import Lane

WORKER = UUID(int=9070)
CAPACITY = Capacity(WORKER, 0, 1)
NOTHING: tuple[list[Any], ...] = ([], [], [], [], [])
"""What ``apply`` answers when nothing comes of a batch."""


@dataclass(eq=False)
class StandInAttempt:
    id: UUID
    number: int = 1
    lost: bool = False
    supposed: Supposed | None = None
    execution: Any = field(default_factory=lambda: SimpleNamespace(start=SimpleNamespace(state={})))


def attempt(number: int = 1) -> Attempt:
    return cast("Attempt", StandInAttempt(UUID(int=number), number))


@dataclass
class ScriptedLane:
    """A connection that answers as scripted, then with ``default``; exceptions are raised."""

    answers: deque[Any] = field(default_factory=deque[Any])
    default: Any = NOTHING
    calls: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    before: Callable[[], None] | None = None

    async def row(self, _query: str, *args: Any) -> Any:
        self.calls.append(args)
        if self.before is not None:
            self.before()
        answer = self.answers.popleft() if self.answers else self.default
        answer = answer(args) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def rows(self, query: str, *args: Any) -> Any:
        return await self.row(query, *args)

    def as_lane(self) -> Lane:
        return cast("Lane", self)


def submission(number: int, input: bytes = b"", delay: timedelta | None = None) -> SubmissionRow:
    return SubmissionRow(
        UUID(int=number),
        "Shop",
        "buy",
        None,
        "service",
        input,
        None,
        None,
        delay,
        None,
        None,
        None,
        0,
        0,
        None,
    )


def entry(attempt: Attempt, index: int = 1) -> EntryRow:
    return EntryRow(attempt.id, index, EntryType.RUN, 0, "step", None, None, None, "success", b"1", None)


def ending(attempt: Attempt) -> EndingRow:
    return EndingRow(attempt.id, "complete", 1, 0, outcome="success", value=b"")


def write(name: str | None, value: bytes | None = None, *, key: str = "k", source: int = 1) -> StateWriteRow:
    return StateWriteRow(UUID(int=source), "Cart", key, name, value)
