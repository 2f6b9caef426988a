"""One attempt of an invocation: the port through which a handler's commands reach the open batch.

A command becomes a journal row, and what follows from it (a call to admit, state to write, a signal to
deliver) another row of the same batch: SQL does both in one transaction or neither.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pgdurable.engine.headers import from_detail, to_detail
from pgdurable.engine.preload import known_state
from pgdurable.engine.stuck import Patience
from pgdurable.engine.unknown import check_key, unknown_target
from pgdurable.store import uuids
from pgdurable.store.rows import (
    AttachRow,
    EntryRow,
    NoticeRow,
    PromiseUseRow,
    StartRow,
    StateWriteRow,
    SubmissionRow,
)
from pgdurable_sdk import ids
from pgdurable_sdk.exceptions import AttemptLost
from pgdurable_sdk.handler import HandlerType
from pgdurable_sdk.journal.entries import EntryType, Notification, Outcome, Recorded
from pgdurable_sdk.port import Start
from pgdurable_sdk.runtime import Execution
from pgdurable_sdk.scopes import RESERVED, split_key

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping
    from uuid import UUID

    from pgdurable.engine.batch import Batch, Birth
    from pgdurable.engine.residents import Residents
    from pgdurable.engine.supposed import Supposed
    from pgdurable.store.rows import NotificationRow
    from pgdurable.store.verbs import Changes
    from pgdurable_sdk.handler import Handler
    from pgdurable_sdk.journal.entries import CallRequest, Entry

_CALLS = frozenset({EntryType.CALL, EntryType.ONE_WAY_CALL})
_STATE = frozenset({EntryType.SET_STATE, EntryType.CLEAR_STATE, EntryType.CLEAR_ALL_STATE})
_PROMISES = frozenset({EntryType.GET_PROMISE, EntryType.PEEK_PROMISE, EntryType.COMPLETE_PROMISE})
_ATTACHES = frozenset({EntryType.ATTACH_INVOCATION, EntryType.GET_INVOCATION_OUTPUT})
_READS = frozenset({EntryType.GET_EAGER_STATE, EntryType.GET_EAGER_STATE_KEYS})
_SIGNALS = frozenset({EntryType.SEND_SIGNAL, EntryType.COMPLETE_AWAKEABLE})


FOR_LONG: Final = timedelta(days=3650).total_seconds()
"""How long a handler waits in memory that cannot be replayed up to where it waits."""


class Attempt:
    """Implements the SDK's ``Port`` for one execution. All of it happens in the event loop."""

    def __init__(
        self, residents: Residents, row: StartRow, number: int, handler: Handler, start: Start
    ) -> None:
        self.id = row.id
        self.number = number
        self.row = row
        self.handler = handler
        instruments = residents.instruments
        self.execution = Execution(
            handler,
            start,
            self,
            always_replay=instruments.always_replay,
            codec=residents.codec,
            limits=residents.limits,
        )
        self.execution.on_wait = instruments.stirred
        self.task: asyncio.Task[None] | None = None
        options, settings = handler.options, residents.settings
        self.inactivity = _seconds(options.inactivity_timeout, settings.inactivity_timeout)
        self.patience = Patience(self.inactivity + _seconds(options.abort_timeout, settings.abort_timeout))
        self.stays = FOR_LONG if handler.recovery.explicit else self.inactivity
        """For how many seconds it waits in memory."""
        self.lost = False
        """Its lease is gone: nothing more is written, what it awaits raises."""
        self.ended = False
        """How it ended is in a batch: SQL decides what comes of it."""
        self.follower: Attempt | None = None
        """The one of its key that was begun when this one had completed, before that was committed."""
        self.birth: Birth | None = None
        """If it was begun while it is being accepted."""
        self.supposed: Supposed | None = None
        """What is noted of the state that it reads, while that is in question."""
        self._residents = residents
        self._batch: Batch | None = None
        self._heard = len(start.notifications)
        self._early: dict[int, NotificationRow] = {}

    def __str__(self) -> str:
        return f"{self.execution.target} {ids.format_id(self.id)}"

    # -- the port ------------------------------------------------------------------------------------------

    def append(self, index: int, seen: int, entry: Entry) -> None:
        """Journal ``entry`` and what follows from it. Raises :exc:`UnknownTarget`."""
        call = self._call(index, entry) if entry.type in _CALLS else None
        changes = self._changes()
        changes.entries.append(
            EntryRow(
                self.id,
                index,
                entry.type,
                seen,
                entry.name,
                entry.target,
                entry.target_id,
                entry.delay,
                entry.outcome,
                entry.value,
                entry.detail,
            )
        )
        if entry.delay is not None:
            self._residents.committer.open.delays.append(entry.delay.total_seconds())
        if call is not None:
            changes.calls.append(call)
        elif entry.type in _STATE:
            self._write_state(entry)
        elif entry.type in _READS:
            self._suppose(entry)
        elif entry.type in _SIGNALS:
            changes.notices.append(self._signal(entry))
        elif entry.type in _PROMISES:
            changes.promises.append(self._promise(index, entry))
        elif entry.type in _ATTACHES:
            assert entry.target_id is not None
            changes.attaches.append(AttachRow(self.id, index, entry.type, entry.target_id))

    def propose(self, index: int, outcome: Outcome, value: bytes | None) -> None:
        """Deliver the result of a step to itself, in order with everything else that is delivered."""
        self._changes().notices.append(
            NoticeRow(self.id, self.id, EntryType.RUN, index, None, outcome, value)
        )

    def begin_step(self) -> None:
        """Raises :exc:`AttemptLost` when this worker may have been taken for dead."""
        if self.lost or not self._residents.in_time():
            raise AttemptLost(f"{self} may be run by another worker")

    async def committed(self) -> None:
        """Wait until what was written so far is durable. Raises :exc:`AttemptLost`."""
        if self._batch is not None:
            await self._batch.wait()
        if self.lost:
            raise AttemptLost(f"{self} is no longer run by this worker")

    def invocation_id(self, request: CallRequest) -> UUID:
        """The id of a new call or send."""
        target = self._residents.registry.find(request.service, request.handler)
        return uuids.invocation_id(
            request.service,
            request.handler,
            request.stored_key,
            request.idempotency_key,
            workflow=target is not None and target.handler_type is HandlerType.WORKFLOW,
        )

    async def read_state(self, name: str) -> bytes | None:
        """One state value, for an attempt that was not given all of it."""
        return await self._residents.read_state(self.row.service, self.row.key or "", name)

    async def read_state_keys(self) -> list[str]:
        """The names in the state, likewise."""
        return await self._residents.read_state_names(self.row.service, self.row.key or "")

    def now(self) -> float:
        """The time, as this process has it."""
        return self._residents.instruments.now()

    @property
    def has_begun(self) -> bool:
        """Whether the handler was called, and has not come to its end."""
        return self.execution.task is not None

    def born_in(self, batch: Batch) -> None:
        """Its invocation is accepted with ``batch``: nothing of it leaves the process before."""
        self._batch = batch
        self.execution.provisional = True

    def let_go(self) -> None:
        """Its ending is committed: nobody looks at it again."""
        self.task = self._batch = None
        self.execution.let_go()

    # -- from the residents --------------------------------------------------------------------------------

    def is_stuck(self, seconds: float) -> bool:
        """Whether it is to be aborted, now that ``seconds`` more have gone by. One that waits for PostgreSQL
        to commit what it did is not stuck.
        """
        ended = self.task is None or self.task.done()
        if ended or (self._batch is not None and not self._batch.over):
            return False
        return self.patience.is_over(self.execution.machine.size + self._heard, seconds)

    @property
    def heard(self) -> int:
        """The sequence up to which notifications were handed to the execution."""
        return self._heard

    @property
    def at_rest(self) -> bool:
        """Whether the handler waits, and all it did is committed."""
        return self.execution.waits and not self._early and (self._batch is None or self._batch.over)

    def follow(self, before: Attempt, wants: int | None) -> None:
        """Begin ahead of its turn, in the batch in which ``before`` completes."""
        before.follower = self
        self.born_in(self._residents.committer.open)
        self._residents.committer.open.follow(before, self, wants)

    def deliver(self, row: NotificationRow) -> bool:
        """Hand over a notification. False if one before it is missing: somebody else delivered it."""
        if row.seq > self._heard + 1:
            self._early[row.seq] = row
            return False
        if row.seq == self._heard + 1:
            self._notify(row)
            while (next_ := self._early.pop(self._heard + 1, None)) is not None:
                self._notify(next_)
        return True

    def _notify(self, row: NotificationRow) -> None:
        self._heard = row.seq
        self.execution.notify(Notification(row.seq, row.type, row.position, row.name, row.outcome, row.value))

    # -- rows ----------------------------------------------------------------------------------------------

    def _changes(self) -> Changes:
        if self.lost:
            raise AttemptLost(f"{self} is no longer run by this worker")
        self._batch = self._residents.committer.open
        self._residents.committer.wake()
        return self._batch.enter(self)

    def _call(self, index: int, entry: Entry) -> SubmissionRow:
        request = entry.request
        assert request is not None
        assert entry.target_id is not None
        target = self._residents.registry.find(request.service, request.handler)
        if target is None:
            raise unknown_target(self._residents.registry, request.service, request.handler)
        check_key(target, request.key)
        retention, journal_retention = target.retentions(request.idempotency_key is not None)
        return SubmissionRow(
            id=entry.target_id,
            service=request.service,
            handler=request.handler,
            key=request.stored_key,
            handler_type=target.handler_type,
            input=request.parameter,
            headers=to_detail(
                request.headers,
                encoded=self._residents.codec is not None,
                limit_key=request.limit_key,
            ),
            idempotency_key=request.idempotency_key,
            delay=entry.delay,
            caller_id=self.id,
            caller_index=index if entry.type == EntryType.CALL else None,
            origin=None,
            retention=retention,
            journal_retention=journal_retention,
            trace_parent=self.row.trace_parent,
        )

    def _suppose(self, entry: Entry) -> None:
        if self.supposed is None:
            return
        if entry.type == EntryType.GET_EAGER_STATE:
            self.supposed.read(self.id, entry.name or "")
        else:
            self.supposed.listed(self.id)

    def _write_state(self, entry: Entry) -> None:
        name = None if entry.type == EntryType.CLEAR_ALL_STATE else entry.name
        if self.supposed is not None:
            self.supposed.wrote(name)
        value = (entry.value or b"") if entry.type == EntryType.SET_STATE else None
        self._residents.committer.open.write_state(
            StateWriteRow(self.id, self.row.service, self.row.key or "", name, value)
        )

    def _signal(self, entry: Entry) -> NoticeRow:
        assert entry.target_id is not None
        return NoticeRow(
            self.id,
            entry.target_id,
            EntryType.SIGNAL,
            entry.signal,
            None if entry.signal is not None else entry.name,
            entry.outcome or Outcome.VOID,
            entry.value,
        )

    def _promise(self, index: int, entry: Entry) -> PromiseUseRow:
        return PromiseUseRow(
            self.id,
            index,
            entry.type,
            self.row.service,
            self.row.key or "",
            entry.name or "",
            entry.outcome,
            entry.value,
        )


def _seconds(own: timedelta | None, default: float) -> float:
    return default if own is None else own.total_seconds()


def first_start(row: SubmissionRow, attempt: int) -> StartRow:
    """The start of an invocation that is begun while it is being accepted."""
    return StartRow(
        id=row.id,
        attempt=attempt,
        service=row.service,
        handler=row.handler,
        key=row.key,
        handler_type=row.handler_type,
        idempotency_key=None,
        trace_parent=row.trace_parent,
        retry_count=0,
        retry_size=0,
        failing_for=None,
        entries=None,
        notifications=None,
        state=None,
        state_complete=True,
    )


def start_of(
    row: StartRow,
    handler: Handler,
    input: SubmissionRow | None,
    left: tuple[Mapping[str, bytes | None], bool] | None = None,
) -> Start:
    """What the SDK needs to run an attempt, from what SQL gave; ``input`` is what this process submitted
    itself. One that is begun on the state that another has ``left`` is given that.
    """
    state, complete = (known_state(row, handler), row.state_complete) if left is None else left
    if row.entries is None:
        assert input is not None, "SQL leaves out the input only for what this very call submitted"
        body, detail = input.input, input.headers
    else:
        body, detail = row.entries[0].value or b"", row.entries[0].detail
    beside = from_detail(detail)
    start = Start(
        id=row.id,
        input=body,
        input_encoded=beside.encoded,
        key=row.key,
        headers=beside.headers,
        trace_parent=row.trace_parent,
        entries=[
            Recorded(
                e.position,
                e.type,
                e.seen,
                e.name,
                e.target,
                e.target_id,
                e.wake_at,
                e.outcome,
                e.value,
                e.detail,
            )
            for e in row.entries or ()
        ],
        notifications=[
            Notification(n.seq, n.type, n.position, n.name, n.outcome, n.value)
            for n in row.notifications or ()
        ],
        state=state,
        state_complete=complete,
        retry_count=row.retry_count,
        retry_seconds=row.failing_for.total_seconds() if row.failing_for is not None else 0.0,
        idempotency_key=row.idempotency_key,
        random_seed=row.id.int & 0xFFFF_FFFF_FFFF_FFFF,
    )
    if row.key is not None and row.key.startswith(RESERVED):
        start.scope, start.key = split_key(row.key)
        start.limit_key = beside.limit_key
    return start
