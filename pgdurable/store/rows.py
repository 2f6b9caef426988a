"""The rows that go to and come from the verbs, as the composite types of ``sql/migrations`` have them.

A test compares every class with its type in the database, column by column. (``index`` of SQL is
``position`` here, since a tuple has a method of that name.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

Rows = list[tuple[Any, ...]]
"""Of a statement whose columns its caller knows."""


class SubmissionRow(NamedTuple):
    id: UUID
    service: str
    handler: str
    key: str | None
    handler_type: str
    input: bytes
    headers: str | None
    idempotency_key: str | None
    delay: timedelta | None
    caller_id: UUID | None
    caller_index: int | None
    origin: UUID | None
    retention: int
    journal_retention: int
    trace_parent: str | None


class LeaseRow(NamedTuple):
    """``after``, ``wants``: of a follower that was begun ahead of its turn (sql/functions/36_follow.sql)."""

    id: UUID
    attempt: int
    after: int | None = None
    wants: int | None = None


class BirthRow(NamedTuple):
    """``outcome`` None: it runs, as ``attempt``."""

    id: UUID
    service: str
    handler: str
    key: str | None
    handler_type: str
    input: bytes
    headers: str | None
    origin: UUID | None
    retention: int
    journal_retention: int
    trace_parent: str | None
    attempt: int
    outcome: str | None = None
    position: int | None = None
    seen: int | None = None
    output: bytes | None = None


class KeyTakenRow(NamedTuple):
    """The first birth of a key in a batch supposes that it is free."""

    id: UUID
    service: str
    key: str


class StateReadRow(NamedTuple):
    """What a birth was given of the state; with ``name`` None, the ``names`` of all of it."""

    id: UUID
    service: str
    key: str
    name: str | None
    value: bytes | None
    names: list[str] | None


class EntryRow(NamedTuple):
    id: UUID
    position: int
    type: int
    seen: int
    name: str | None
    target: str | None
    target_id: UUID | None
    delay: timedelta | None
    outcome: str | None
    value: bytes | None
    detail: str | None


class StateWriteRow(NamedTuple):
    source: UUID
    service: str
    key: str
    name: str | None
    value: bytes | None


class NoticeRow(NamedTuple):
    source: UUID | None
    id: UUID
    type: int
    position: int | None
    name: str | None
    outcome: str
    value: bytes | None


class PromiseUseRow(NamedTuple):
    source: UUID
    position: int
    type: int
    service: str
    key: str
    name: str
    outcome: str | None
    value: bytes | None


class AttachRow(NamedTuple):
    source: UUID
    position: int
    type: int
    target_id: UUID


class EndingRow(NamedTuple):
    id: UUID
    type: str
    position: int
    seen: int
    awaiting: list[int] | None = None
    outcome: str | None = None
    value: bytes | None = None
    delay: timedelta | None = None
    retry_count: int | None = None
    code: int | None = None
    message: str | None = None
    stacktrace: str | None = None
    related_index: int | None = None
    related_name: str | None = None
    related_type: int | None = None


class SignalRow(NamedTuple):
    id: UUID
    type: str
    position: int | None = None
    name: str | None = None
    outcome: str | None = None
    value: bytes | None = None


class JournalRow(NamedTuple):
    id: UUID
    position: int
    type: int
    seen: int
    name: str | None
    target: str | None
    target_id: UUID | None
    wake_at: datetime | None
    outcome: str | None
    value: bytes | None
    detail: str | None
    appended_at: datetime


class NotificationRow(NamedTuple):
    id: UUID
    seq: int
    type: int
    position: int | None
    name: str | None
    outcome: str
    value: bytes | None
    appended_at: datetime


class StartRow(NamedTuple):
    """All that is needed to run an attempt; ``entries`` is None when the submitter holds the input itself.
    With an ``inbox_seq`` it is a follower: it has no lease and no state yet.
    """

    id: UUID
    attempt: int | None
    service: str
    handler: str
    key: str | None
    handler_type: str
    idempotency_key: str | None
    trace_parent: str | None
    retry_count: int
    retry_size: int
    failing_for: timedelta | None
    entries: list[JournalRow] | None
    notifications: list[NotificationRow] | None
    state: list[tuple[str, bytes]] | None
    state_complete: bool
    inbox_seq: int | None = None


class PreloadRow(NamedTuple):
    """The names of the state that comes along with a start of a handler."""

    service: str
    handler: str
    names: list[str]


class AdmissionRow(NamedTuple):
    id: UUID
    previous: bool
    outcome: str | None
    value: bytes | None


class HintRow(NamedTuple):
    type: str
    owner: UUID | None
    route: str | None
    id: UUID | None


class AnswerRow(NamedTuple):
    id: UUID
    result: str


COMPOSITES: Final[dict[str, type[Any]]] = {
    "submission": SubmissionRow,
    "lease": LeaseRow,
    "entry": EntryRow,
    "birth": BirthRow,
    "key_taken": KeyTakenRow,
    "state_read": StateReadRow,
    "state_write": StateWriteRow,
    "notice": NoticeRow,
    "promise_use": PromiseUseRow,
    "attach": AttachRow,
    "preload": PreloadRow,
    "ending": EndingRow,
    "signal": SignalRow,
    "journal": JournalRow,
    "notification": NotificationRow,
    "start": StartRow,
    "admission": AdmissionRow,
    "hint": HintRow,
    "answer": AnswerRow,
}
"""The classes by the names of their types in `pgdurable_engine`."""


class ResultRow(NamedTuple):
    id: UUID
    outcome: str
    value: bytes | None


class AwaitedRow(NamedTuple):
    status: str | None
    handler_type: str | None
    idempotent: bool | None
    outcome: str | None
    value: bytes | None


class HandlerRow(NamedTuple):
    service: str
    service_type: str
    deployment_id: str
    public: bool
    handler: str
    handler_type: str
    service_definition: str
    definition: str


class Submitted(NamedTuple):
    admissions: list[AdmissionRow]
    started: list[StartRow]
    hints: list[HintRow]


class Applied(NamedTuple):
    refused: list[UUID]
    fenced: list[UUID]
    delivered: list[NotificationRow]
    started: list[StartRow]
    hints: list[HintRow]


class Fired(NamedTuple):
    fired: int
    next_in: float | None
    delivered: list[NotificationRow]
    hints: list[HintRow]


class Signalled(NamedTuple):
    answers: list[AnswerRow]
    delivered: list[NotificationRow]
    hints: list[HintRow]
