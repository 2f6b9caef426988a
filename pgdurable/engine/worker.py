"""The worker: runs handlers for one process, as one incarnation after the other.

An incarnation is a random id with a lease. Whenever the database cannot say whether a batch was committed,
or says that this worker was declared dead, the incarnation ends: all its attempts are dropped, what they
had journaled stands, and the next incarnation takes the invocations up again. So there is one way to
recover, and it is used every day.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from pgdurable.engine.absent import absent
from pgdurable.engine.attempt import Attempt, start_of
from pgdurable.engine.claimer import Claimer
from pgdurable.engine.committer import Committer
from pgdurable.engine.missing import Missing
from pgdurable.engine.outcome import describe_failure, ending_row
from pgdurable.store import verbs
from pgdurable.store.errors import StoreError
from pgdurable.store.heart import Heart
from pgdurable.store.lane import Lane
from pgdurable.store.rows import EndingRow
from pgdurable.store.verbs import NO_CAPACITY, Capacity
from pgdurable_sdk.exceptions import AttemptLost
from pgdurable_sdk.port import Failed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from pgdurable.config import Settings
    from pgdurable.engine.batch import Batch
    from pgdurable.engine.hints import Hints
    from pgdurable.engine.registry import Registry
    from pgdurable.engine.results import Results
    from pgdurable.engine.timers import Timers
    from pgdurable.store.listener import Listener
    from pgdurable.store.rows import Applied, NotificationRow, StartRow, SubmissionRow
    from pgdurable_sdk.handler import Handler
    from pgdurable_sdk.port import Ending

log = logging.getLogger("pgdurable.worker")

REJOIN_PAUSE: Final = 0.2
CLAIM_LIMIT: Final = 256  # attempts that one call hands over at most
STRIDE: Final = 1 << 20  # attempt numbers that one offer may use up


class Worker:
    """Runs the handlers it is given. ``run`` until cancelled, after ``drain`` when there is time."""

    def __init__(
        self,
        dsn: str,
        settings: Settings,
        handlers: dict[tuple[str, str], Handler],
        registry: Registry,
        results: Results,
        hints: Hints,
        listener: Listener,
        timers: Timers,
        name: str,
        deployment_id: str,
    ) -> None:
        self.registry = registry
        self.settings = settings
        self.incarnation: UUID | None = None
        self.committer: Committer
        self.claimer: Claimer | None = None
        self.missing: Missing
        self._timers = timers
        self._dsn = dsn
        self._handlers = handlers
        self._routes = sorted({service for service, _ in handlers})
        self._results = results
        self._hints = hints
        self._listener = listener
        self._name = name
        self._deployment_id = deployment_id
        self._attempts: dict[UUID, Attempt] = {}
        self._number = 1
        self._waiting = 0
        """How many attempts wait for notifications, as of the last look; the others are active."""
        self._draining = False
        self._quiet = asyncio.Event()
        self._said = ""
        self._unended: list[UUID] = []
        self._state_lane = Lane(dsn, "state")
        self._loop = asyncio.get_running_loop()

    # -- incarnations --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve, incarnation after incarnation, until cancelled."""
        try:
            while True:
                try:
                    await self._live()
                except* StoreError as group:
                    self._say(f"starting over: {group.exceptions[0]}")
                await asyncio.sleep(REJOIN_PAUSE)
        finally:
            await self._state_lane.close()

    def _say(self, message: str) -> None:
        """Warn once, not at every try."""
        if message != self._said:
            log.warning("%s", message)
        self._said = message

    async def _live(self) -> None:
        worker = uuid4()
        lanes = [Lane(self._dsn, purpose) for purpose in ("apply", "claim", "notifications")]
        apply_lane, claim_lane, missing_lane = lanes
        lost = asyncio.Event()
        heart = Heart(self._dsn, worker, self.settings.lease, lambda reason: self._lost(lost, reason))
        self.committer = Committer(apply_lane, self.offer, self._applied, self._refused)
        self.claimer = Claimer(claim_lane, self._poll, self.claim_offer, self.start_all)
        self.missing = Missing(missing_lane, self.settings.missing_poll, self._attempts)
        try:
            await heart.start()
            await verbs.join_worker(
                claim_lane,
                worker,
                self._name,
                self._deployment_id,
                self._routes,
                timedelta(seconds=self.settings.lease),
            )
            heart.joined()
            await self._listener.listen_to(worker)
            self.incarnation = worker
            self._said = ""
            async with asyncio.TaskGroup() as group:
                for service in (self.committer, self.claimer, self.missing):
                    group.create_task(service.run())
                group.create_task(self._watch_attempts())
                group.create_task(_raise_when(lost))
                group.create_task(self._end_earlier())
        finally:
            self.incarnation = None
            self._abandon_all()
            self._listener.forget(worker)
            await heart.stop()
            await self._end(claim_lane, worker)
            for lane in lanes:
                await lane.close()

    def _lost(self, lost: asyncio.Event, reason: str) -> None:
        log.warning("%s", reason)
        self._abandon_all()
        lost.set()

    async def _end(self, lane: Lane, worker: UUID) -> None:
        """Give back at once what this incarnation ran; if that fails, others will find out."""
        try:
            self._hints.pass_on(await verbs.end_worker(lane, worker))
        except StoreError as error:
            log.debug("the incarnation could not be ended: %s", error)
            self._unended.append(worker)

    async def _end_earlier(self) -> None:
        """End the incarnations that PostgreSQL took with it, before their leases do."""
        unended, self._unended = self._unended, []
        lane = Lane(self._dsn, "recovery")
        for worker in unended:
            await self._end(lane, worker)
        await lane.close()

    def _poll(self) -> float:
        return self.settings.poll_deaf if self._listener.deaf else self.settings.poll

    # -- what it may be given ------------------------------------------------------------------------------

    def offer(self) -> Capacity:
        """What a call may hand over in passing: little when much is active here, to leave others a share."""
        return self._capacity(self.settings.hand_over)

    def claim_offer(self) -> Capacity:
        """What a claim may take."""
        return self._capacity(self.settings.concurrency)

    @property
    def has_room(self) -> bool:
        """Whether a claim would be answered with attempts, if there is work."""
        return self.claim_offer().room > 0

    def _capacity(self, active: int) -> Capacity:
        if self.incarnation is None:
            return NO_CAPACITY
        resident = len(self._attempts)
        room = min(self.settings.resident - resident, active - (resident - self._waiting), CLAIM_LIMIT)
        number = self._number
        self._number += STRIDE
        return Capacity(self.incarnation, self._routes, 0 if self._draining else max(room, 0), number)

    def serves(self, route: str) -> bool:
        """Whether this worker takes work of ``route``."""
        return route in self._routes

    # -- attempts ------------------------------------------------------------------------------------------

    def start_all(self, rows: Iterable[StartRow], inputs: dict[UUID, SubmissionRow] | None = None) -> None:
        """Begin attempts that SQL has leased to this incarnation."""
        for row in rows:
            self._start(row, inputs.get(row.id) if inputs else None)

    def _start(self, row: StartRow, input: SubmissionRow | None) -> None:
        handler = self._handlers.get((row.service, row.handler))
        attempt = Attempt(self, row, handler or absent(row.service, row.handler), start_of(row, input))
        older = self._attempts.get(row.id)
        if older is not None:
            self._drop(older)  # paused and resumed so soon that nobody has told it yet
        self._attempts[row.id] = attempt
        if attempt.inactivity <= 0:
            attempt.execution.suspend()
        attempt.task = self._loop.create_task(self._run(attempt))
        self.missing.begun(row.id)

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
        row = ending_row(attempt, ending, self.settings.retry, size)
        if isinstance(ending, Failed):
            log.warning("%s", describe_failure(attempt, ending, row))
        self._end_with(attempt, row)

    def _end_with(self, attempt: Attempt, row: EndingRow) -> None:
        batch = self.committer.open
        batch.enter(attempt).endings.append(row)
        batch.ended.append((attempt, row))
        if row.delay is not None:
            batch.delays.append(row.delay.total_seconds())
        self.committer.wake()

    def _forget(self, attempt: Attempt) -> None:
        if self._attempts.get(attempt.id) is attempt:
            del self._attempts[attempt.id]
            if self.claimer is not None and self.claimer.starved:
                self.claimer.wake()
        if not self._attempts:
            self._quiet.set()

    def abort(self, id: UUID) -> None:
        """The lease of an attempt is gone: stop it as soon as it awaits something."""
        attempt = self._attempts.get(id)
        if attempt is not None:
            self._drop(attempt)
            # The hint may be late, and this a newer attempt with a lease: then that is given back.
            size, seen = attempt.execution.journal_size, attempt.execution.seen
            self._end_with(attempt, EndingRow(attempt.id, "release", size, seen))

    def _drop(self, attempt: Attempt) -> None:
        attempt.lost = True
        self._forget(attempt)
        if attempt.task is not None:
            attempt.task.cancel()

    def _abandon_all(self) -> None:
        for attempt in list(self._attempts.values()):
            self._drop(attempt)

    # -- what came of a batch ------------------------------------------------------------------------------

    def _applied(self, batch: Batch, applied: Applied) -> None:
        for id in applied.fenced:
            self._drop(batch.attempts[id])
        for attempt, row in batch.ended:
            self._forget(attempt)
            if row.type == "complete" and not attempt.lost and row.outcome is not None:
                self._results.resolve(row.id, row.outcome, row.value)
        if batch.delays:
            self._timers.expect(min(batch.delays))
        self.deliver(applied.delivered)
        self.start_all(
            applied.started,
            # Of two calls with one id, the first is the one that was admitted.
            {call.id: call for call in reversed(batch.changes.calls)} if applied.started else None,
        )
        self._hints.pass_on(applied.hints)

    def _refused(self, attempt: Attempt, message: str) -> None:
        """PostgreSQL does not take what this attempt wrote; what it had written before stands."""
        if not attempt.lost:
            self._drop(attempt)
            self._attempts[attempt.id] = attempt
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
        return await verbs.state_value(self._state_lane, service, key, name)

    async def read_state_names(self, service: str, key: str) -> list[str]:
        """The names in the committed state."""
        return await verbs.state_names(self._state_lane, service, key)

    # -- memory and time -----------------------------------------------------------------------------------

    async def _watch_attempts(self) -> None:
        """Journal the begin of slow steps; suspend those that wait too long, sooner when memory is scarce."""
        while True:
            await asyncio.sleep(self.settings.slow_run / 2)
            if not self._attempts:
                continue
            now = self._loop.time()
            scale = self._patience()
            waiting = 0
            for attempt in list(self._attempts.values()):
                execution = attempt.execution
                execution.note_slow_runs()
                since = execution.waiting_since
                if since is not None:
                    waiting += 1
                    if now - since >= attempt.inactivity * scale:
                        execution.suspend()
            self._waiting = waiting
            if self.claimer is not None and self.claimer.starved:
                self.claimer.wake()

    def _patience(self) -> float:
        """What part of its inactivity timeout a handler may wait in memory: all, while a quarter is free."""
        if self._draining:
            return 0.0
        free = 1.0 - len(self._attempts) / self.settings.resident
        return 1.0 if free > 0.25 else max(free, 0.0) * 0.01

    # -- the end -------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Take nothing more, and let what runs finish or suspend, for a while."""
        self._draining = True
        self._quiet.clear()
        if not self._attempts:
            return
        log.info("waiting for %d invocations to finish or suspend", len(self._attempts))
        try:
            async with asyncio.timeout(self.settings.drain):
                await self._quiet.wait()
        except TimeoutError:
            log.info(
                "%d invocations are given back; they go on elsewhere, or when a worker is back",
                len(self._attempts),
            )


async def _raise_when(lost: asyncio.Event) -> None:
    await lost.wait()
    raise StoreError("the lease of this worker is lost")
