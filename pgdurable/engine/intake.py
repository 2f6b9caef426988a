"""New invocations of this process's clients, admitted in batches.

The id of an invocation is made before it is submitted, so submitting it again after a lost connection is
harmless: the second time it is found to be there.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from pgdurable.store import verbs
from pgdurable.store.errors import OutcomeUnknown, StoreError, TryAgain, Unavailable, WorkerFenced
from pgdurable.store.rows import AdmissionRow
from pgdurable.store.verbs import NO_CAPACITY

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from pgdurable.engine.batch import Birth
    from pgdurable.engine.turn import Turn
    from pgdurable.store.lane import Lane
    from pgdurable.store.rows import HintRow, StartRow, SubmissionRow, Submitted
    from pgdurable.store.verbs import Capacity

log = logging.getLogger("pgdurable.intake")

RETRY_PAUSE: Final = 0.1
Waiting = tuple["SubmissionRow", "asyncio.Future[AdmissionRow]"]


class Intake:
    """Submits what accumulated while the last call was under way."""

    def __init__(
        self,
        lane: Lane,
        turn: Turn,
        patience: float,
        offer: Callable[[], Capacity],
        started: Callable[[UUID | None, list[StartRow], dict[UUID, SubmissionRow]], None],
        hinted: Callable[[list[HintRow]], None],
        delayed: Callable[[float], None],
        begin: Callable[[SubmissionRow], Birth | None],
        lost: Callable[[UUID], None],
    ) -> None:
        self._lane = lane
        self._turn = turn
        self._patience = patience
        self._offer = offer
        self._started = started
        self._hinted = hinted
        self._delayed = delayed
        self._begin = begin
        self._lost = lost
        self._open: list[Waiting] = []
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def submit(self, row: SubmissionRow) -> AdmissionRow:
        """Admit one invocation; returns when that is committed. Raises a :exc:`StoreError`.

        Cancelling the wait does not take the submission back.
        """
        birth = self._begin(row)
        if birth is not None and await birth.accepted:
            return AdmissionRow(row.id, False, None, None)
        future: asyncio.Future[AdmissionRow] = self._loop.create_future()
        self._open.append((row, future))
        self._wake.set()
        return await future

    async def run(self) -> None:
        """Submit, for ever."""
        while True:
            await self._wake.wait()
            async with self._turn:
                self._wake.clear()
                batch, self._open = self._open, []
                await self._submit(batch)

    async def _submit(self, batch: list[Waiting]) -> None:
        try:
            worker, submitted = await self._persist([row for row, _ in batch])
        except StoreError as error:
            await self._submit_singly(batch, error)
            return
        for (_, future), admission in zip(batch, submitted.admissions, strict=True):
            if not future.done():
                future.set_result(admission)
        if submitted.started:
            self._started(worker, submitted.started, {row.id: row for row, _ in reversed(batch)})
        if submitted.hints:
            self._hinted(submitted.hints)
        delays = [row.delay for row, _ in batch if row.delay is not None]
        if delays:
            self._delayed(min(delays).total_seconds())

    async def _persist(self, rows: list[SubmissionRow]) -> tuple[UUID | None, Submitted]:
        """Try until it is done, or PostgreSQL has been away for too long. Says for which worker, too."""
        until = self._loop.time() + self._patience
        capacity = self._offer()
        while True:
            try:
                return capacity.worker, await verbs.submit(self._lane, rows, capacity)
            except WorkerFenced:
                capacity = NO_CAPACITY
            except (Unavailable, OutcomeUnknown, TryAgain) as error:
                if self._loop.time() > until:
                    raise
                log.debug("submitting again: %s", error)
                if isinstance(error, OutcomeUnknown) and capacity.worker is not None:
                    # It may have been given attempts that it never heard of.
                    self._lost(capacity.worker)
                capacity = NO_CAPACITY
                await self._turn.pause(RETRY_PAUSE)

    async def _submit_singly(self, batch: list[Waiting], error: StoreError) -> None:
        """One of them may be what PostgreSQL does not take: find out which."""
        if len(batch) > 1 and not isinstance(error, (Unavailable, OutcomeUnknown)):
            for waiting in batch:
                await self._submit([waiting])
            return
        for _, future in batch:
            if not future.done():
                future.set_exception(error)
