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

from pgdurable.engine.claimer import Claimer
from pgdurable.engine.preload import preloads
from pgdurable.engine.residents import Residents
from pgdurable.store import verbs
from pgdurable.store.errors import StoreError
from pgdurable.store.heart import Heart
from pgdurable.store.lane import Lane
from pgdurable.store.verbs import NO_CAPACITY, Capacity
from pgdurable_sdk.handler import HandlerType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from pgdurable.deployment import Deployment
    from pgdurable.engine.batch import Birth
    from pgdurable.engine.residents import Surroundings
    from pgdurable.store.access import Access
    from pgdurable.store.listener import Listener
    from pgdurable.store.rows import StartRow, SubmissionRow

log = logging.getLogger("pgdurable.worker")

REJOIN_PAUSE: Final = 0.2
STRIDE: Final = 1 << 20  # attempt numbers that one offer may use up


class Worker:
    """Runs the handlers it is given. ``run`` until cancelled, after ``drain`` when there is time."""

    def __init__(
        self, access: Access, around: Surroundings, listener: Listener, name: str, deployment: Deployment
    ) -> None:
        self.incarnation: UUID | None = None
        self.residents: Residents | None = None
        """The attempts of this incarnation, as long as there is one."""
        self.claimer: Claimer | None = None
        self._access = access
        self._around = around
        self._settings = around.settings
        self._services = sorted({service for service, _ in around.handlers})
        self._preload = preloads(around.handlers.values())
        self._listener = listener
        self._name = name
        self._deployment = deployment
        self._number = 1
        self._draining = False
        self._said = ""
        self._unended: list[UUID] = []
        self._lost = asyncio.Event()  # of this incarnation

    # -- incarnations --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve, incarnation after incarnation, until cancelled, or what is drained breaks."""
        while True:
            try:
                await self._live()
            except* StoreError as group:
                self._say(f"starting over: {group.exceptions[0]}")
            if self._draining:
                # It was to end, and may never be told: before Python 3.13 a task group whose tasks fail
                # when it is cancelled raises their errors alone.
                return
            await asyncio.sleep(REJOIN_PAUSE)

    def _say(self, message: str) -> None:
        """Warn once, not at every try."""
        if message != self._said:
            log.warning("%s", message)
        self._said = message

    async def _live(self) -> None:
        worker = uuid4()
        lanes = [Lane(self._access, purpose) for purpose in ("apply", "claim", "notifications", "state")]
        apply_lane, claim_lane, notifications_lane, state_lane = lanes
        lost = self._lost = asyncio.Event()
        heart = Heart(self._access, worker, self._settings.lease, lambda reason: self._give_up(lost, reason))
        claimer = Claimer(claim_lane, self._poll, self.claim_offer, self.start_all)
        residents = Residents(
            self._around,
            apply_lane,
            notifications_lane,
            state_lane,
            self.offer,
            claimer.room_made,
            self._next_number,
            lambda: self._in_time(heart, lost),
        )
        try:
            await heart.start()
            await verbs.join_worker(
                claim_lane,
                worker,
                self._name,
                self._deployment,
                self._services,
                timedelta(seconds=self._settings.lease),
                present=self._access.session_dsn is not None,
            )
            heart.joined()
            await self._listener.listen_to(worker)
            self.incarnation, self.residents, self.claimer = worker, residents, claimer
            self._said = ""
            async with asyncio.TaskGroup() as group:
                for service in (residents.committer, residents.looker, claimer, residents.missing):
                    group.create_task(service.run())
                group.create_task(residents.watch())
                group.create_task(_raise_when(lost))
                group.create_task(self._end_earlier())
        finally:
            self.incarnation = self.residents = self.claimer = None
            residents.abandon_all()
            self._listener.forget(worker)
            await heart.stop()
            await self._end(claim_lane, worker)
            for lane in lanes:
                await lane.close()

    def start_over(self, incarnation: UUID, reason: str) -> None:
        """End this incarnation, if it is still that one, and begin the next."""
        if self.incarnation == incarnation:
            self._give_up(self._lost, reason)

    def _give_up(self, lost: asyncio.Event, reason: str) -> None:
        log.warning("%s", reason)
        if self.residents is not None:
            self.residents.abandon_all()
        lost.set()

    def _in_time(self, heart: Heart, lost: asyncio.Event) -> bool:
        """Whether nobody can have taken over yet because the lease is over. If not, all is given up."""
        in_time = heart.in_time
        if not in_time:
            self._give_up(lost, "the lease of this worker was not renewed in time")
        return in_time

    async def _end(self, lane: Lane, worker: UUID) -> None:
        """Give back at once what this incarnation ran; if that fails, others will find out."""
        try:
            self._around.hints.pass_on(await verbs.end_worker(lane, worker))
        except StoreError as error:
            log.debug("the incarnation could not be ended: %s", error)
            self._unended.append(worker)

    async def _end_earlier(self) -> None:
        """End the incarnations that PostgreSQL took with it, before their leases do."""
        unended, self._unended = self._unended, []
        lane = Lane(self._access, "recovery")
        for worker in unended:
            await self._end(lane, worker)
        await lane.close()

    def _poll(self) -> float:
        return self._settings.poll_deaf if self._listener.deaf else self._settings.poll

    # -- what it may be given ------------------------------------------------------------------------------

    def offer(self) -> Capacity:
        """What a call may hand over in passing: little when much is active here, to leave others a share."""
        return self._capacity(self._settings.hand_over)

    def claim_offer(self) -> Capacity:
        """What a claim may take."""
        return self._capacity(self._settings.concurrency)

    @property
    def has_room(self) -> bool:
        """Whether a claim would be answered with attempts, if there is work."""
        return self.claim_offer().room > 0

    def _capacity(self, active: int) -> Capacity:
        if self.incarnation is None or self.residents is None:
            return NO_CAPACITY
        number = self._number
        self._number += STRIDE
        room = 0 if self._draining else self.residents.room(active)
        return Capacity(self.incarnation, room, number, self._preload)

    def _next_number(self) -> int:
        """Of an attempt that the residents begin themselves."""
        number, self._number = self._number, self._number + 1
        return number

    def serves(self, route: str) -> bool:
        """Whether this worker takes work of ``route``, a service or ``service@deployment``. SQL decides; this
        may be behind for a moment.
        """
        service, _, pinned = route.partition("@")
        deployment_id = pinned or self._around.registry.latest(service) or self._deployment.id
        return service in self._services and deployment_id == self._deployment.id

    # -- what it runs --------------------------------------------------------------------------------------

    def start_all(self, rows: Iterable[StartRow], inputs: dict[UUID, SubmissionRow] | None = None) -> None:
        """Begin attempts that SQL has leased to this incarnation."""
        if self.residents is not None:
            self.residents.start_all(rows, inputs)

    def begin(self, row: SubmissionRow) -> Birth | None:
        """Begin a new invocation while it is being accepted, where nothing is known to stand in the way: it
        is surely new, of a service or for a key that may be free, and this worker is to run it and has room.
        """
        if row.idempotency_key is not None or row.delay is not None:
            return None
        if row.key is not None and row.handler_type != HandlerType.EXCLUSIVE:
            return None
        residents, handler = self.residents, self._around.handlers.get((row.service, row.handler))
        if residents is None or self._draining or handler is None or not self.serves(row.service):
            return None
        if row.key is not None and handler.options.preloaded is not None:
            return None  # it does not want all of its state, which is what the worker remembers of a key
        # Behind others of its key it goes however little room there is: on the ordinary way it would overtake
        # them, and what they suppose of the key would be wrong.
        if not residents.room(self._settings.hand_over) and not residents.in_line(row):
            return None
        return residents.begin(row)

    # -- the end -------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Take nothing more, and let what runs finish or suspend, for a while."""
        self._draining = True
        residents = self.residents
        if not residents:
            return
        log.info("waiting for %d invocations to finish or suspend", len(residents))
        try:
            async with asyncio.timeout(self._settings.drain):
                await residents.settle()
        except TimeoutError:
            log.info(
                "%d invocations are given back; they go on elsewhere, or when a worker is back",
                len(residents),
            )


async def _raise_when(lost: asyncio.Event) -> None:
    await lost.wait()
    raise StoreError("the lease of this worker is lost")
