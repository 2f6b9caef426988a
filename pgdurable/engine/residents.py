"""The attempts that are in memory: the handlers that one incarnation of the worker runs.

They are started as SQL leases them, fed with what is delivered, suspended when they wait for long, and
forgotten once their ending is committed or their lease is gone.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from pgdurable.engine import stuck
from pgdurable.engine.absent import absent
from pgdurable.engine.attempt import Attempt, first_start, start_of
from pgdurable.engine.batch import Birth
from pgdurable.engine.committer import Committer
from pgdurable.engine.followers import Followers
from pgdurable.engine.lines import Lines
from pgdurable.engine.looker import Looker
from pgdurable.engine.missing import Missing
from pgdurable.engine.outcome import describe_failure, ending_row
from pgdurable.engine.turn import Turn
from pgdurable.store import verbs
from pgdurable.store.errors import OutcomeUnknown, TryAgain, Unavailable
from pgdurable.store.rows import EndingRow
from pgdurable_sdk.exceptions import AttemptLost
from pgdurable_sdk.handler import HandlerType
from pgdurable_sdk.limits import Limits
from pgdurable_sdk.port import Completed, Failed, Start

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from uuid import UUID

    from pgdurable.config import Settings
    from pgdurable.engine.batch import Batch
    from pgdurable.engine.hints import Hints
    from pgdurable.engine.instruments import Instruments
    from pgdurable.engine.registry import Registry
    from pgdurable.engine.results import Results
    from pgdurable.engine.timers import Timers
    from pgdurable.store.lane import Lane
    from pgdurable.store.rows import Applied, NotificationRow, StartRow, SubmissionRow
    from pgdurable.store.verbs import Capacity
    from pgdurable_sdk.codec import JournalValueCodec
    from pgdurable_sdk.handler import Handler
    from pgdurable_sdk.port import Ending

log = logging.getLogger("pgdurable.worker")

CLAIM_LIMIT: Final = 256  # attempts that one call hands over at most
READ_PAUSE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts of this process that attempts reach."""

    settings: Settings
    handlers: dict[tuple[str, str], Handler]
    registry: Registry
    results: Results
    hints: Hints
    timers: Timers
    instruments: Instruments
    codec: JournalValueCodec | None
    pen: asyncio.Lock


class Residents:
    """Runs attempts. Lives as long as one incarnation: until ``abandon_all``."""

    def __init__(
        self,
        around: Surroundings,
        apply_lane: Lane,
        notifications_lane: Lane,
        state_lane: Lane,
        offer: Callable[[], Capacity],
        room_made: Callable[[], None],
        next_number: Callable[[], int],
        in_time: Callable[[], bool],
    ) -> None:
        self._around = around
        self._settings = around.settings
        self._limits = _limits(around.settings)
        self._state_lane = state_lane
        self._room_made = room_made
        self._next_number = next_number
        self.in_time = in_time
        """Whether the incarnation's lease was renewed lately. If not, all attempts are lost by now."""
        self._followers = Followers()
        self._attempts: dict[UUID, Attempt] = {}
        self._waiting = 0
        """How many attempts wait for notifications, as of the last look; the others are active."""
        self._hurried = False
        self._quiet = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.committer = Committer(
            apply_lane,
            Turn(around.pen),
            offer,
            self._applied,
            self._refused,
            self._disown,
            self._in_vain,
            self._closed,
        )
        self.looker = Looker(state_lane, lambda key, state: self._lines.looked_up(key, state))
        self._lines = Lines(self._bear, self.looker.want)
        self.missing = Missing(notifications_lane, self._settings.missing_poll, self._attempts)

    def __len__(self) -> int:
        return len(self._attempts)

    @property
    def settings(self) -> Settings:
        """Those of the process."""
        return self._settings

    @property
    def instruments(self) -> Instruments:
        """A test harness's, or none."""
        return self._around.instruments

    @property
    def limits(self) -> Limits:
        """How large payloads may be."""
        return self._limits

    @property
    def codec(self) -> JournalValueCodec | None:
        """That of the app."""
        return self._around.codec

    @property
    def registry(self) -> Registry:
        """What can be called."""
        return self._around.registry

    def room(self, active: int) -> int:
        """How many attempts may be added, when at most ``active`` shall be active. Not below 0."""
        resident = len(self._attempts)
        return max(
            min(self._settings.resident - resident, active - (resident - self._waiting), CLAIM_LIMIT), 0
        )

    # -- from start to end ---------------------------------------------------------------------------------

    def start_all(self, rows: Iterable[StartRow], inputs: dict[UUID, SubmissionRow] | None = None) -> None:
        """Begin attempts that SQL has leased to this incarnation, and keep the followers for later."""
        for row in rows:
            if row.attempt is None:
                self._followers.add(row)
            else:
                self._start(row, row.attempt, inputs.get(row.id) if inputs else None)

    def begin(self, row: SubmissionRow) -> Birth | None:
        """Begin the first attempt of an invocation that is accepted with the open batch, or as soon as those
        before it on its key have completed. None if that cannot be.
        """
        if row.key is not None:
            return self._lines.join(row)
        birth = Birth(row)
        self._bear(birth, {}, None)
        return birth

    def in_line(self, row: SubmissionRow) -> bool:
        """Whether others of its key are being born here, whom it would follow."""
        return row.key is not None and self._lines.has(row)

    def _bear(self, birth: Birth, state: Mapping[str, bytes | None], before: Attempt | None) -> Attempt:
        row, number = birth.row, self._next_number()
        attempt = self._attempt(first_start(row, number), number, row, (state, True))
        attempt.birth = birth
        if before is not None:
            before.follower = attempt
        self._accept(attempt, birth)
        self._go(attempt)
        # After its task: what ends without waiting for anything is then in this batch, too.
        self.committer.wake()
        return attempt

    def _accept(self, attempt: Attempt, birth: Birth) -> None:
        self.committer.open.bear(attempt, birth)
        attempt.born_in(self.committer.open)

    def _start(self, row: StartRow, number: int, input: SubmissionRow | None) -> None:
        try:
            attempt = self._attempt(row, number, input)
        except Exception as error:  # noqa: BLE001 (whatever is stored there, only this one suffers)
            self._pause_unreadable(row, number, error)
            return
        older = self._attempts.get(row.id)
        if older is not None:
            self._drop(older)  # paused and resumed so soon that nobody has told it yet
        self._leased(attempt)
        self._go(attempt)
        self.missing.begun(row.id)

    def _leased(self, attempt: Attempt) -> None:
        if attempt.row.handler_type == HandlerType.EXCLUSIVE:
            self._followers.leased(attempt)
            self._lines.taken(attempt)

    def _pause_unreadable(self, row: StartRow, number: int, error: Exception) -> None:
        """What is stored of it makes no sense. That is its own trouble, and nobody else's."""
        log.exception("an invocation cannot be read")
        bare = Start(id=row.id, input=b"", key=row.key)
        attempt = Attempt(self, row, number, absent(row.service, row.handler), bare)
        self._attempts[attempt.id] = attempt
        message = f"what is stored of it cannot be read: {type(error).__name__}: {error}"
        self._end_attempt(attempt, Failed(code=500, message=message, pause=True), len(row.entries or (None,)))

    def _follow(self, before: Attempt) -> None:
        """It has completed: begin the next of its key, if that is here, ahead of its turn."""
        row = self._followers.take(before)
        if row is None or row.id in self._attempts or not self._has_room:
            self._followers.leave(before)  # its turn comes with the commit, here or elsewhere
            return
        attempt = self._attempt(row, self._next_number(), None, before.execution.left)
        attempt.follow(before, self._followers.begun(attempt))
        self._go(attempt)
        self.missing.begun(row.id)

    @property
    def _has_room(self) -> bool:
        return not self._hurried and self.room(self._settings.concurrency) > 0

    def _attempt(
        self,
        row: StartRow,
        number: int,
        input: SubmissionRow | None,
        left: tuple[Mapping[str, bytes | None], bool] | None = None,
    ) -> Attempt:
        handler = self._around.handlers.get((row.service, row.handler)) or absent(row.service, row.handler)
        return Attempt(self, row, number, handler, start_of(row, handler, input, left))

    def _go(self, attempt: Attempt) -> None:
        self._attempts[attempt.id] = attempt
        if attempt.stays <= 0:
            attempt.execution.suspend()
        attempt.task = self._loop.create_task(self._run(attempt))
        self.instruments.stirred()

    async def _run(self, attempt: Attempt) -> None:
        try:
            ending = await attempt.execution.run()
        except AttemptLost:
            self._forget(attempt)
            return
        except Exception as error:
            log.exception("a fault of pgdurable while running %s", attempt)
            ending = Failed(code=500, message=f"{type(error).__name__}: {error}")
        if attempt.lost:
            self._forget(attempt)
        else:
            self._end_attempt(attempt, ending)

    def _end_attempt(self, attempt: Attempt, ending: Ending, size: int | None = None) -> None:
        failed = ending if isinstance(ending, Failed) else None
        give_up = self.instruments.ended(attempt, failed)
        row = ending_row(attempt, ending, self._settings.retry, size, give_up=give_up)
        if failed is not None:
            log.warning("%s", describe_failure(attempt, failed, row))
        self._end_with(attempt, row)
        if attempt.row.handler_type != HandlerType.EXCLUSIVE:
            return
        if isinstance(ending, Completed):
            self._follow(attempt)
            self._lines.completed(attempt)
        else:
            self._followers.leave(attempt)
            self._lines.leave(attempt)

    def _end_with(self, attempt: Attempt, row: EndingRow) -> None:
        attempt.ended = True
        batch = self.committer.open
        batch.enter(attempt).endings.append(row)
        batch.ended.append((attempt, row))
        if row.delay is not None:
            batch.delays.append(row.delay.total_seconds())
        self.committer.wake()

    def _forget(self, attempt: Attempt) -> None:
        if self._attempts.get(attempt.id) is attempt:
            del self._attempts[attempt.id]
            self._room_made()
        if not self._attempts:
            self._quiet.set()

    def abort(self, id: UUID) -> None:
        """The lease of an attempt is gone: stop it as soon as it awaits something."""
        attempt = self._attempts.get(id)
        if attempt is not None and not attempt.ended:
            self._drop(attempt)
            # The hint may be late, and this a newer attempt with a lease: then that is given back.
            size, seen = attempt.execution.journal_size, attempt.execution.seen
            self._end_with(attempt, EndingRow(attempt.id, "release", size, seen))

    def _abort_stuck(self, attempt: Attempt) -> None:
        """It makes no progress: it fails, whatever its code says to that, and what it journaled stands."""
        failed = stuck.failure(attempt)
        _cut_off(attempt)
        self._end_attempt(attempt, failed)

    def _drop(self, attempt: Attempt) -> None:
        """What it has done since the last commit does not count, nor what was begun on that."""
        dropped: Attempt | None = attempt
        while dropped is not None:
            self._forget(dropped)
            self._followers.leave(dropped)
            _cut_off(dropped)
            if dropped.birth is not None:
                self._unbear(dropped, dropped.birth)
            follower, dropped.follower = dropped.follower, None
            dropped = follower

    def _unbear(self, attempt: Attempt, birth: Birth) -> None:
        """It was never begun, unless it was accepted: whoever submitted it does so again."""
        batch = birth.batch
        if batch is not None:
            batch.leave_out(attempt.id)
            self.committer.open.leave_out(attempt.id)
            birth.settle(accepted=False)
            self._lines.leave(attempt)

    def _in_vain(self, attempt: Attempt) -> None:
        """It was begun on what is not so; and what was begun behind it."""
        if attempt.birth is not None:
            self._lines.wrong(attempt.birth)
        self._drop(attempt)

    def abandon_all(self) -> None:
        """The incarnation is over: what they journaled stands, and goes on elsewhere."""
        for attempt in list(self._attempts.values()):
            self._drop(attempt)
        self._lines.close()
        self.committer.open.release(committed=False)

    def _disown(self, batch: Batch) -> None:
        """What was to be born with ``batch`` was never begun: whoever submitted it does so again."""
        for id in list(batch.births):
            if id in batch.births:  # else it went with one before it
                self._drop(batch.attempts[id])

    def _closed(self, batch: Batch) -> None:
        """No more births are for this ``batch``: those whose handlers were not called yet are for the next,
        and those that do not complete with it hold their keys from then on.
        """
        for id, birth in list(batch.births.items()):
            attempt = batch.attempts[id]
            if attempt.ended:
                continue
            if not attempt.has_begun:
                batch.withdraw(birth)
                self._accept(attempt, birth)
                self._loop.call_soon(self.committer.wake)  # after its handler was called
            elif attempt.supposed is not None:
                attempt.supposed.all_of_it(id)
                attempt.supposed = None
                self._lines.leave(attempt)

    # -- what came of a batch ------------------------------------------------------------------------------

    def _applied(self, batch: Batch, applied: Applied) -> None:
        for id in applied.fenced:
            self._drop(batch.attempts[id])
        for attempt, row in batch.ended:
            self._forget(attempt)
            if attempt.row.handler_type == HandlerType.EXCLUSIVE and not attempt.lost:
                if row.type == "complete" and attempt.follower is None:
                    self._lines.committed(attempt)
                attempt.follower = None  # it holds its key by now
            if row.type == "complete" and not attempt.lost and row.outcome is not None:
                self._around.results.resolve(row.id, row.outcome, row.value)
            if not attempt.lost:
                attempt.let_go()
        for id, birth in batch.births.items():
            self._lines.right(birth)
            attempt = batch.attempts[id]
            if not attempt.ended and not attempt.lost:
                self._leased(attempt)
        if batch.delays:
            self._around.timers.expect(min(batch.delays))
        self.deliver(applied.delivered)
        self.start_all(
            applied.started,
            # Of two calls with one id, the first is the one that was admitted.
            {call.id: call for call in reversed(batch.changes.calls)} if applied.started else None,
        )
        self._around.hints.pass_on(applied.hints)
        self.instruments.stirred()

    def _refused(self, attempt: Attempt, message: str) -> None:
        """PostgreSQL does not take what this attempt wrote; what it had written before stands."""
        if not attempt.lost:
            if attempt.follower is not None:
                self._drop(attempt.follower)
            _cut_off(attempt)
            self.committer.open.leave_out(attempt.id)  # it goes on from what was refused
            failed = Failed(code=500, message=f"the database refused what the handler did: {message}")
            self._end_attempt(attempt, failed, size=len(attempt.row.entries or (None,)))

    def deliver(self, rows: Iterable[NotificationRow]) -> None:
        """Hand notifications to the attempts they are for; those of others are for their workers to fetch."""
        for row in rows:
            attempt = self._attempts.get(row.id)
            if attempt is None or not attempt.deliver(row):
                self.missing.fetch(row.id)

    async def read_state(self, service: str, key: str, name: str) -> bytes | None:
        """Committed state, for lazy reads."""
        return await _patiently(lambda: verbs.state_value(self._state_lane, service, key, name))

    async def read_state_names(self, service: str, key: str) -> list[str]:
        """The names in the committed state."""
        return await _patiently(lambda: verbs.state_names(self._state_lane, service, key))

    # -- memory and time -----------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Journal the begin of slow steps; suspend those that wait too long, sooner when memory is scarce;
        abort those that neither wait nor get anywhere.
        """
        interval = self._settings.slow_run / 2
        looked = self._loop.time()
        while True:
            await asyncio.sleep(interval)
            now = self._loop.time()
            passed, looked = min(now - looked, interval * 2), now
            if not self._attempts:
                continue
            self._waiting = self._look(now, passed)
            self._room_made()

    def _look(self, now: float, passed: float) -> int:
        """Look at each, ``passed`` seconds after the last time. Returns how many wait: to look at thousands
        of these must cost next to nothing.
        """
        scale = self._patience()
        waiting = 0
        for attempt in list(self._attempts.values()):
            execution = attempt.execution
            since = execution.waiting_since
            if since is None:
                execution.note_slow_runs()
                if not attempt.lost and attempt.is_stuck(passed):
                    self._abort_stuck(attempt)
            else:
                waiting += 1
                if now - since >= attempt.stays * scale:
                    execution.suspend()
        return waiting

    def _patience(self) -> float:
        """What part of its inactivity timeout a handler may wait in memory: all, while a quarter is free."""
        if self._hurried:
            return 0.0
        free = 1.0 - len(self._attempts) / self._settings.resident
        return 1.0 if free > 0.25 else max(free, 0.0) * 0.01

    def heard_at_rest(self) -> dict[UUID, int] | None:
        """Of each attempt, what it has heard of, if all of them wait and all they did is committed; else
        None.
        """
        if not all(attempt.at_rest for attempt in self._attempts.values()):
            return None
        return {id: attempt.heard for id, attempt in self._attempts.items()}

    async def settle(self) -> None:
        """Let all of them finish; those that wait are suspended. Returns when none is left."""
        self._hurried = True
        self._quiet.clear()
        if self._attempts:
            await self._quiet.wait()


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.payload_warning,
        settings.payload_limit,
        settings.journal_entries,
        settings.journal_bytes,
        settings.children,
        settings.headers,
        settings.header_bytes,
    )


def _cut_off(attempt: Attempt) -> None:
    """Nothing more of it is written from now on, and what it awaits next raises."""
    attempt.lost = True
    if attempt.task is not None:
        attempt.task.cancel()


async def _patiently(read: Callable[[], Awaitable[T]]) -> T:
    """A read that survives a lost connection: that is no fault of the handler which waits for it."""
    while True:
        try:
            return await read()
        except (Unavailable, OutcomeUnknown, TryAgain) as error:
            log.debug("reading state again: %s", error)
            await asyncio.sleep(READ_PAUSE)
