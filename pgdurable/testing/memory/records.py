"""What the model keeps: invocations, promises, timers, and what it tells whoever runs handlers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pgdurable_sdk.journal.entries import EntryType, Recorded

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID

    from pgdurable_sdk.handler import Handler
    from pgdurable_sdk.journal.entries import Notification, Outcome


class Status(StrEnum):
    """Of an invocation, by Restate's names."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    BACKING_OFF = "backing-off"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    COMPLETED = "completed"


class Waiter(NamedTuple):
    """A command whose result is somebody else's."""

    id: UUID
    position: int
    type: EntryType


class Result(NamedTuple):
    """How an invocation, a promise or a signal was completed."""

    outcome: Outcome
    value: bytes | None


@dataclass(slots=True, kw_only=True)
class Submission:
    """A new invocation."""

    id: UUID
    handler: Handler
    key: str | None
    """With its scope, as it is stored."""
    input: bytes
    headers: dict[str, str]
    trace_parent: str | None = None
    idempotency_key: str | None = None
    delay: timedelta | None = None
    limit_key: str | None = None
    caller: Waiter | None = None
    """The call that waits for its result."""


@dataclass(slots=True, eq=False)
class Invocation:
    """One invocation, from submission to the end of its retention."""

    new: Submission
    status: Status
    retention: float
    """Seconds for which its result is kept."""
    journal: list[Recorded]
    notifications: list[Notification] = field(default_factory=list["Notification"])
    awaiting: list[int] | None = None
    """While it is suspended: what wakes it. Indexes of commands, and signals n as -n; None: anything."""
    waiters: list[Waiter] = field(default_factory=list[Waiter])
    result: Result | None = None
    completed_at: float = 0.0
    failures: int = 0
    """In a row."""
    failed_at_size: int = 0
    failing_since: float = 0.0
    retry_at: float = 0.0
    """While it backs off."""

    @property
    def id(self) -> UUID:
        return self.new.id

    @property
    def place(self) -> tuple[str, str]:
        """Its service and key."""
        return self.new.handler.service, self.new.key or ""

    @property
    def completed(self) -> bool:
        return self.status is Status.COMPLETED


@dataclass(slots=True)
class Promise:
    """A durable promise of a workflow."""

    result: Result | None = None
    waiters: list[Waiter] = field(default_factory=list[Waiter])


class Timer(NamedTuple):
    """What is due at ``at``; of several at one time, the one that was set first."""

    at: float
    number: int
    kind: str
    """``sleep``, ``start`` or ``retry``."""
    id: UUID
    position: int
    """Of the command that set it."""


@dataclass(slots=True)
class News:
    """What came of a step of the model, for whoever runs handlers. In the order in which it happened."""

    ready: list[UUID] = field(default_factory=list["UUID"])
    """To be run."""
    delivered: list[tuple[UUID, Notification]] = field(default_factory=list["tuple[UUID, Notification]"])
    """To attempts that run."""
    stopped: list[UUID] = field(default_factory=list["UUID"])
    """Their attempts must do nothing more."""
    completed: list[UUID] = field(default_factory=list["UUID"])
    """There is a result."""


def input_of(submission: Submission) -> Recorded:
    """The first entry of a journal."""
    return Recorded(0, EntryType.INPUT, 0, value=submission.input)
