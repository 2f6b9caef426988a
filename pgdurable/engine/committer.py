"""Group commit: one writer sends what all handlers did since its last call, as one ``apply``.

A batch costs one round trip and one flush of the log however many steps are in it, so throughput comes from
what accumulates while the previous batch is under way; an idle engine commits at once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from pgdurable.engine.batch import Batch
from pgdurable.store import verbs
from pgdurable.store.errors import Refused, TryAgain, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from pgdurable.engine.attempt import Attempt
    from pgdurable.engine.turn import Turn
    from pgdurable.store.lane import Lane
    from pgdurable.store.rows import Applied
    from pgdurable.store.verbs import Capacity

log = logging.getLogger("pgdurable.committer")

RETRY_PAUSE: Final = 0.1
PATIENCE: Final = 50.0
"""Seconds for which a batch is kept for a database that is away, or rolls back whatever it is given."""
TURNS: Final = 64
"""Of the loop, for which a batch is kept at most while followers run."""


class Committer:
    """Holds the open batch and writes it. Lives as long as one incarnation of the worker."""

    def __init__(
        self,
        lane: Lane,
        turn: Turn,
        offer: Callable[[], Capacity],
        applied: Callable[[Batch, Applied], None],
        refused: Callable[[Attempt, str], None],
        disown: Callable[[Batch], None],
        in_vain: Callable[[Attempt], None],
        closed: Callable[[Batch], None],
    ) -> None:
        self._lane = lane
        self._turn = turn
        self._offer = offer
        self._applied = applied
        self._refused = refused
        self._disown = disown
        self._loop = asyncio.get_running_loop()
        self._in_vain = in_vain
        self._closed = closed
        self._wake = asyncio.Event()
        self.open = Batch()

    def wake(self) -> None:
        """There is something in the open batch."""
        self._wake.set()

    async def run(self) -> None:
        """Write batches, for ever. Raises a :exc:`StoreError` when this incarnation cannot go on."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._let_follow()
            await self.flush()

    async def _let_follow(self) -> None:
        """While the followers of a key run, one in each turn of the loop, all of them are to go together."""
        begun = 0
        for _ in range(TURNS):
            if self.open.followers == begun:
                return
            begun = self.open.followers
            await asyncio.sleep(0)

    async def flush(self) -> None:
        """Write what is open once it is our turn."""
        async with self._turn:
            batch, self.open = self.open, Batch()
            if batch.births:
                self._closed(batch)
            if not batch:
                return
            try:
                await self._write(batch)
            except BaseException:
                batch.release(committed=False)
                raise
            batch.release()

    async def _write(self, batch: Batch) -> None:
        until = self._loop.time() + PATIENCE
        while True:
            try:
                applied = await verbs.apply(self._lane, batch.sealed(), self._offer())
            except (TryAgain, Unavailable) as error:
                if self._loop.time() > until:
                    raise
                log.debug("a batch is tried again: %s", error)
                if not self._without_births(batch):
                    return
                await self._turn.pause(RETRY_PAUSE)
            except Refused as error:
                if not batch.births:
                    await self._write_singly(batch, error)
                    return
                if not self._without_births(batch):
                    return
            else:
                if not applied.refused:
                    self._applied(batch, applied)
                    return
                self._leave_out(batch, applied.refused)
                if not batch:
                    return

    def _without_births(self, batch: Batch) -> bool:
        """A batch that is written again goes without what was to be born with it: clients wait for that, and
        what is refused may be what they sent. False if nothing is left.
        """
        if batch.births:
            self._disown(batch)
        return bool(batch)

    def _leave_out(self, batch: Batch, refused: list[UUID]) -> None:
        """These were begun ahead of a turn that did not come, or on what is not so; nothing was written."""
        for id in refused:
            attempt = batch.attempts.get(id)
            if attempt is not None:  # else it went with the one that it was begun behind
                self._in_vain(attempt)
                batch.leave_out(id)

    async def _write_singly(self, batch: Batch, error: Refused) -> None:
        """One of them cannot be written: the others must not suffer for it."""
        if len(batch.attempts) == 1:
            (attempt,) = batch.attempts.values()
            log.error("what %s did was refused: %s", attempt, error)
            self._refused(attempt, str(error))
            return
        for id in batch.attempts:
            await self._write(batch.alone(id))
