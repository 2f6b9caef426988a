"""The verbs, typed: one method per SQL function, arrays in and out, one round trip each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pgdurable.store.query import query
from pgdurable.store.rows import (
    AdmissionRow,
    AnswerRow,
    Applied,
    AwaitedRow,
    Fired,
    HandlerRow,
    HintRow,
    JournalRow,
    NotificationRow,
    ResultRow,
    Signalled,
    StartRow,
    Submitted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from pgdurable.deployment import Deployment
    from pgdurable.store.lane import Lane
    from pgdurable.store.rows import (
        AttachRow,
        BirthRow,
        EndingRow,
        EntryRow,
        KeyTakenRow,
        LeaseRow,
        NoticeRow,
        PreloadRow,
        PromiseUseRow,
        SignalRow,
        StateReadRow,
        StateWriteRow,
        SubmissionRow,
    )


class Capacity:
    """What a worker may be given in passing: how many attempts it has room for, the number of the first, and
    the state that is to come along, for handlers that do not want all of it."""

    __slots__ = ("attempt", "preload", "room", "worker")

    def __init__(
        self, worker: UUID | None, room: int, attempt: int, preload: Sequence[PreloadRow] = ()
    ) -> None:
        self.worker = worker
        self.room = room
        self.attempt = attempt
        self.preload = preload


NO_CAPACITY = Capacity(None, 0, 0)


class Changes:
    """What the handlers of one worker did since the last ``apply``."""

    __slots__ = (
        "attaches",
        "begun",
        "calls",
        "endings",
        "entries",
        "leases",
        "notices",
        "promises",
        "reads",
        "state",
        "taken",
        "whole",
    )

    def __init__(self) -> None:
        self.leases: list[LeaseRow] = []
        self.entries: list[EntryRow] = []
        self.calls: list[SubmissionRow] = []
        self.state: list[StateWriteRow] = []
        self.promises: list[PromiseUseRow] = []
        self.attaches: list[AttachRow] = []
        self.notices: list[NoticeRow] = []
        self.endings: list[EndingRow] = []
        self.begun: list[BirthRow] = []
        self.whole: list[BirthRow] = []
        self.taken: list[KeyTakenRow] = []
        self.reads: list[StateReadRow] = []


async def submit(lane: Lane, new: Sequence[SubmissionRow], capacity: Capacity) -> Submitted:
    """Admit new invocations; those that ``capacity`` allows come back started."""
    admissions, started, hints = await lane.row(
        query("submit"), new, capacity.worker, capacity.room, capacity.attempt, capacity.preload
    )
    return Submitted([AdmissionRow(*row) for row in admissions], _starts(started), _hints(hints))


async def claim(lane: Lane, capacity: Capacity, within: float = math.inf) -> list[StartRow]:
    """Take ready invocations, with everything needed to run them: of those that became so in the last
    ``within`` seconds.
    """
    record = await lane.row(
        query("claim"), capacity.worker, capacity.room, capacity.attempt, capacity.preload, within
    )
    return _starts(record[0])


async def apply(lane: Lane, changes: Changes, capacity: Capacity) -> Applied:
    """Commit what handlers did; nothing, if a follower or a birth is refused. Raises :exc:`WorkerFenced` when
    this worker was declared dead."""
    refused, fenced, delivered, started, hints = await lane.row(
        query("apply"),
        capacity.worker,
        changes.leases,
        changes.entries,
        changes.calls,
        changes.state,
        changes.promises,
        changes.attaches,
        changes.notices,
        changes.endings,
        capacity.room,
        capacity.attempt,
        capacity.preload,
        changes.begun,
        changes.whole,
        changes.taken,
        changes.reads,
    )
    return Applied(refused or [], fenced or [], _notifications(delivered), _starts(started), _hints(hints))


async def signal(lane: Lane, signals: Sequence[SignalRow]) -> Signalled:
    """Reach live invocations from outside: resolve, cancel, kill, pause, resume."""
    answers, delivered, hints = await lane.row(query("signal"), signals)
    return Signalled([AnswerRow(*row) for row in answers or ()], _notifications(delivered), _hints(hints))


async def fire_timers(lane: Lane, limit: int) -> Fired:
    """Fire due timers, at most ``limit``; ``next_in`` is seconds until the next one is due."""
    fired, next_in, delivered, hints = await lane.row(query("fire_timers"), limit)
    return Fired(fired, next_in, _notifications(delivered), _hints(hints))


async def reap_workers(
    lane: Lane, patience: timedelta, crashes: int
) -> tuple[list[UUID], list[HintRow], bool]:
    """End workers that are gone; what they ran is ready again, unless it was there ``crashes`` times in a
    row when a worker died. The last says whether others seem to be gone: look again after ``patience``.
    """
    reaped, hints, suspected = await lane.row(query("reap_workers"), patience, crashes)
    return reaped or [], _hints(hints), suspected


async def sweep(lane: Lane, after: UUID | None, limit: int) -> tuple[UUID | None, int]:
    """Expire a stretch of old invocations; returns where the next begins (None: done) and how many went."""
    cursor, expired = await lane.row(query("sweep"), after, limit)
    return cursor, expired


async def next_timer(lane: Lane, until: datetime) -> datetime | None:
    """When the next timer is due, unless that is later than ``until``."""
    due: datetime | None = (await lane.row(query("next_timer"), until))[0]
    return due


async def at_rest(lane: Lane, worker: UUID | None, heard: Mapping[UUID, int]) -> bool:
    """Whether nothing is ready for ``worker``, nothing due, and it runs only attempts that wait, which have
    ``heard`` all there is."""
    record = await lane.row(query("at_rest"), worker, list(heard), list(heard.values()))
    return bool(record[0])


async def expire_due(lane: Lane, limit: int) -> int:
    """Expire what was noted to go by now, at most ``limit``; returns how many went."""
    expired: int = (await lane.row(query("expire_due"), limit))[0]
    return expired


async def results(lane: Lane, ids: Sequence[UUID]) -> list[ResultRow]:
    """The results of those of ``ids`` that are completed."""
    return [ResultRow(*row) for row in await lane.rows(query("results"), ids)]


async def await_result(lane: Lane, id: UUID, origin: UUID | None) -> AwaitedRow:
    """Where an invocation stands; with ``origin``, that process is told when it completes."""
    return AwaitedRow(*await lane.row(query("await_result"), id, origin))


async def notifications_after(lane: Lane, ids: Sequence[UUID], seqs: Sequence[int]) -> list[NotificationRow]:
    """Notifications of running invocations beyond those their attempts have heard of."""
    return _notifications(await lane.rows(query("notifications_after"), ids, seqs))


async def join_worker(
    lane: Lane,
    id: UUID,
    name: str,
    deployment: Deployment,
    services: Sequence[str],
    lease: timedelta,
    *,
    present: bool = True,
) -> None:
    """Begin an incarnation; ``present``: it has its presence lock."""
    await lane.row(
        query("join_worker"), id, name, deployment.id, deployment.versioned, services, lease, present
    )


async def end_worker(lane: Lane, id: UUID) -> list[HintRow]:
    """End an incarnation; what it still runs is ready again."""
    return _hints((await lane.row(query("end_worker"), id))[0])


async def notify(lane: Lane, channels: Sequence[str], payloads: Sequence[str]) -> None:
    """Send wake-ups, each a channel and a payload of under 8000 bytes."""
    await lane.rows(query("notify"), channels, payloads)


async def register(lane: Lane, deployment: Deployment, endpoint: str, metadata: str, services: str) -> None:
    """Announce a deployment and its services (JSON). Raises :exc:`ServiceTypeChanged`."""
    await lane.row(query("register"), deployment.id, deployment.versioned, endpoint, metadata, services)


async def handlers(lane: Lane) -> list[HandlerRow]:
    """All handlers that are registered."""
    return [HandlerRow(*row) for row in await lane.rows(query("handlers"))]


async def target_of(lane: Lane, id: UUID) -> tuple[str, str] | None:
    """Service and handler of an invocation, if there is one."""
    found = await lane.rows(query("target_of"), id)
    return (found[0][0], found[0][1]) if found else None


async def state_value(lane: Lane, service: str, key: str, name: str) -> bytes | None:
    """One value of an object's state."""
    found = await lane.rows(query("state_value"), service, key, name)
    return found[0][0] if found else None


async def state_names(lane: Lane, service: str, key: str) -> list[str]:
    """The names in an object's state."""
    return [row[0] for row in await lane.rows(query("state_names"), service, key)]


async def free_states(
    lane: Lane, keys: Sequence[tuple[str, str]], most: int
) -> dict[tuple[str, str], dict[str, bytes | None] | None]:
    """The states of ``keys``; None of one that is held, or whose state has more than ``most`` bytes."""
    found = await lane.rows(query("free_states"), [key[0] for key in keys], [key[1] for key in keys], most)
    return {
        (service, key): None if state is None else {name: value for name, value in state}
        for service, key, state in found
    }


def _starts(records: Any) -> list[StartRow]:
    return [_start(record) for record in records] if records else []


def _start(record: Any) -> StartRow:
    start = StartRow(*record)
    return start._replace(
        entries=None if start.entries is None else [JournalRow(*row) for row in start.entries],
        notifications=_notifications(start.notifications),
        state=None if start.state is None else [(name, value) for name, value in start.state],
    )


def _notifications(records: Any) -> list[NotificationRow]:
    return [NotificationRow(*row) for row in records] if records else []


def _hints(records: Any) -> list[HintRow]:
    return [HintRow(*row) for row in records] if records else []
