"""One batch of changes: what accumulates while the previous ``apply`` is under way.

Attempts write straight into the open batch. State writes are folded here, so that each name comes once: the
last write of a batch is the one that counts, and SQL need not care for their order. They are kept by attempt,
since of several on one key the later ones may have to be left out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pgdurable.engine.supposed import Supposed
from pgdurable.store.rows import BirthRow, KeyTakenRow, LeaseRow, StateWriteRow
from pgdurable.store.verbs import Changes
from pgdurable_sdk.exceptions import AttemptLost

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable.engine.attempt import Attempt
    from pgdurable.store.rows import EndingRow, SubmissionRow

_RUNS = (None, None, None, None)


class Birth:
    """An invocation that was begun while it is being accepted."""

    __slots__ = ("accepted", "batch", "from_memory", "row")

    def __init__(self, row: SubmissionRow) -> None:
        self.row = row
        self.batch: Batch | None = None
        """With which it is to be accepted, from when it is begun until it is known whether it was."""
        self.from_memory = False
        """Whether it was begun on state that is remembered, and not known to be right."""
        self.accepted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether it was; if not, it was never begun, and may be submitted like any other."""

    def settle(self, *, accepted: bool) -> None:
        """Tell whoever submitted it."""
        if not self.accepted.done():
            self.accepted.set_result(accepted)


class Batch:
    """Changes, the attempts they come from, and who waits for them to be committed."""

    __slots__ = (
        "_sealed",
        "_state",
        "_taken",
        "attempts",
        "births",
        "changes",
        "committed",
        "delays",
        "ended",
        "followers",
        "over",
        "supposed",
        "waiters",
    )

    def __init__(self) -> None:
        self.changes = Changes()
        self.attempts: dict[UUID, Attempt] = {}
        self.births: dict[UUID, Birth] = {}
        self.ended: list[tuple[Attempt, EndingRow]] = []
        self.delays: list[float] = []  # seconds, of the timers that are set
        self.waiters: list[asyncio.Future[None]] = []
        self.committed = False
        self.over = False  # committed, or it never will be
        self._sealed = False
        self._state: dict[UUID, dict[str | None, StateWriteRow]] = {}
        self.followers = 0
        """How many were begun behind others on their key."""
        self.supposed: dict[tuple[str, str], Supposed] = {}
        """Of each key on which there are births."""
        self._taken: list[KeyTakenRow] = []

    def __bool__(self) -> bool:
        return bool(self.attempts)

    def enter(self, attempt: Attempt) -> Changes:
        """The changes, for ``attempt`` to write to; it takes part in the batch from now on."""
        if self.attempts.get(attempt.id) is not attempt:
            self._add(attempt, LeaseRow(attempt.id, attempt.number))
        return self.changes

    def follow(self, before: Attempt, attempt: Attempt, wants: int | None) -> None:
        """``attempt`` takes part, on condition that it is next when ``before`` completes, as it does in this
        batch. Where more followers are wanted: those behind the number ``wants`` in the inbox.
        """
        self.followers += 1
        self._add(attempt, LeaseRow(attempt.id, attempt.number, before.number, wants))

    def bear(self, attempt: Attempt, birth: Birth) -> None:
        """``attempt`` was begun, and its invocation is accepted with this batch."""
        self.attempts[attempt.id] = attempt
        self.births[attempt.id] = birth
        birth.batch = self
        row = birth.row
        if row.key is None:
            return
        key = row.service, row.key
        if key in self.supposed:
            self.followers += 1
        else:
            self.supposed[key] = Supposed(row.id, *key, attempt.execution.start.state, self.changes.reads)
            self._taken.append(KeyTakenRow(row.id, *key))
        attempt.supposed = self.supposed[key]

    def withdraw(self, birth: Birth) -> None:
        """It has done nothing yet, and is for another batch."""
        row = birth.row
        del self.attempts[row.id], self.births[row.id]
        key = row.service, row.key or ""
        if key in self.supposed and self.supposed[key].first == row.id:
            del self.supposed[key]

    def _add(self, attempt: Attempt, lease: LeaseRow) -> None:
        present = self.attempts.get(attempt.id)
        if present is not None:
            # Paused, resumed and claimed again, or begun too early: the other one writes nothing more.
            assert present.lost, "of two attempts of one invocation, one has lost its lease"
            self.leave_out(attempt.id)
        self.attempts[attempt.id] = attempt
        self.changes.leases.append(lease)

    def leave_out(self, id: UUID) -> None:
        """Forget what an attempt of ``id`` did."""
        self.attempts.pop(id, None)
        birth = self.births.pop(id, None)
        if birth is not None:
            birth.batch = None
            self.supposed.pop((birth.row.service, birth.row.key or ""), None)
        changes = self.changes
        changes.leases = [row for row in changes.leases if row.id != id]
        changes.entries = [row for row in changes.entries if row.id != id]
        changes.calls = [row for row in changes.calls if row.caller_id != id]
        changes.promises = [row for row in changes.promises if row.source != id]
        changes.attaches = [row for row in changes.attaches if row.source != id]
        changes.notices = [row for row in changes.notices if row.source != id]
        changes.endings = [row for row in changes.endings if row.id != id]
        changes.begun = [row for row in changes.begun if row.id != id]
        changes.whole = [row for row in changes.whole if row.id != id]
        changes.reads[:] = [row for row in changes.reads if row.id != id]
        self.ended = [(attempt, row) for attempt, row in self.ended if row.id != id]
        self._state.pop(id, None)

    def write_state(self, write: StateWriteRow) -> None:
        """Fold a state write in: ``name`` None clears all that was written before."""
        _fold(self._state.setdefault(write.source, {}), write)

    def sealed(self) -> Changes:
        """The changes, complete."""
        writes = [write for of_attempt in self._state.values() for write in of_attempt.values()]
        if self.followers:
            # Several of one key, in the order in which they had it.
            folded: dict[tuple[str, str], dict[str | None, StateWriteRow]] = {}
            for write in writes:
                _fold(folded.setdefault((write.service, write.key), {}), write)
            writes = [write for of_key in folded.values() for write in of_key.values()]
        self.changes.state = writes
        if self.births and not self._sealed:
            self._note_births()
        if self._taken:
            self.changes.taken = [row for row in self._taken if row.id in self.births]
        self._sealed = True
        return self.changes

    def _note_births(self) -> None:
        """Those that have completed since need no row that says that they run."""
        changes = self.changes
        outputs = {row.id: row for row in changes.endings if row.type == "complete" and row.id in self.births}
        for id, birth in self.births.items():
            output = outputs.get(id)
            rows = changes.begun if output is None else changes.whole
            rows.append(_birth_row(birth.row, self.attempts[id].number, output))
        if outputs:
            changes.endings = [row for row in changes.endings if row.id not in outputs]

    async def wait(self) -> None:
        """Until the batch is committed. Raises :exc:`AttemptLost` when it never will be."""
        if not self.over:
            # A future each: a shared one would be cancelled for all when one waiter is.
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiters.append(future)
            await future
        if not self.committed:
            raise AttemptLost("what this attempt did was not committed")

    def release(self, *, committed: bool = True) -> None:
        """Let those who wait go on; each looks for itself whether its attempt is still alive."""
        self.committed, self.over = committed, True
        for birth in self.births.values():
            birth.settle(accepted=committed)
            birth.batch = None
        for future in self.waiters:
            if not future.done():
                future.set_result(None)

    def alone(self, id: UUID) -> Batch:
        """The part of this batch that comes from one invocation, which was born before."""
        single = Batch()
        all_, own = self.sealed(), single.changes
        single.attempts[id] = self.attempts[id]
        own.leases = [row for row in all_.leases if row.id == id]
        own.entries = [row for row in all_.entries if row.id == id]
        own.calls = [row for row in all_.calls if row.caller_id == id]
        own.promises = [row for row in all_.promises if row.source == id]
        own.attaches = [row for row in all_.attaches if row.source == id]
        own.notices = [row for row in all_.notices if row.source == id]
        own.endings = [row for row in all_.endings if row.id == id]
        single.ended = [(attempt, row) for attempt, row in self.ended if row.id == id]
        single.delays = self.delays  # whosever they are: looking once too often does no harm
        for row in self._state.get(id, {}).values():
            single.write_state(row)
        return single


def _birth_row(row: SubmissionRow, attempt: int, output: EndingRow | None) -> BirthRow:
    return BirthRow(
        row.id,
        row.service,
        row.handler,
        row.key,
        row.handler_type,
        row.input,
        row.headers,
        row.origin,
        row.retention,
        row.journal_retention,
        row.trace_parent,
        attempt,
        *(_RUNS if output is None else (output.outcome, output.position, output.seen, output.value)),
    )


def _fold(writes: dict[str | None, StateWriteRow], write: StateWriteRow) -> None:
    if write.name is None:
        writes.clear()
    writes[write.name] = write
