"""Several workers of one process, whose transactions happen one at a time, in an order that a seed draws.

Every statement of every lane waits until it is picked, is executed alone, and its answer waits again: so
between a commit and the moment its sender hears of it anything may be done by the others. Some answers are
lost, some statements are rolled back or never sent, and now and then a worker is declared dead that is not.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pgdurable.store.errors import OutcomeUnknown, TryAgain, Unavailable
from pgdurable.store.lane import Lane

if TYPE_CHECKING:
    from random import Random

    import pytest

    from tests.engine.database import Database

TURNS: Final = 3
"""Of the loop, in which others may come, before one of those that wait is picked."""
LOST: Final = 0.02
ROLLED_BACK: Final = 0.02
NOT_SENT: Final = 0.01
DECLARED_DEAD: Final = 0.005
DEAD: Final = """
    select pgdurable_engine.end_worker(id) from (
        select id from pgdurable_engine.worker order by id limit 1 offset %s
    ) w
"""


class Interleaver:
    """Picks. ``install`` before the workers start, ``run`` beside them."""

    def __init__(self, luck: Random, database: Database) -> None:
        self.luck = luck
        self.database = database
        self.done: Counter[str] = Counter()
        self.heals = False
        """From then on nothing is lost any more; the order stays random."""
        self._waiting: list[asyncio.Future[None]] = []
        self._some = asyncio.Event()
        self._alone = asyncio.Lock()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """For all lanes of this process."""
        send = Lane._send  # pyright: ignore[reportPrivateUsage]

        async def picked(lane: Lane, query: str, *args: Any) -> Any:
            await self._turn()
            self._may_fail(ROLLED_BACK, TryAgain)
            self._may_fail(NOT_SENT, Unavailable)
            async with self._alone:
                answer = await send(lane, query, *args)
            self.done["statements"] += 1
            await self._turn()
            self._may_fail(LOST, OutcomeUnknown)
            return answer

        monkeypatch.setattr(Lane, "_send", picked)

    async def run(self) -> None:
        """One after the other, for ever."""
        while True:
            await self._some.wait()
            for _ in range(TURNS):
                await asyncio.sleep(0)
            async with self._alone:
                self._declare_dead()
                self._waiting = [future for future in self._waiting if not future.done()]
                if self._waiting:
                    self._waiting.pop(self.luck.randrange(len(self._waiting))).set_result(None)
            if not self._waiting:
                self._some.clear()

    async def _turn(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._some.set()
        await future

    def _may_fail(self, likely: float, error: type[Exception]) -> None:
        if not self.heals and self.luck.random() < likely:
            self.done[error.__name__] += 1
            raise error("the interleaver says so")

    def _declare_dead(self) -> None:
        if not self.heals and self.luck.random() < DECLARED_DEAD:
            self.done["declared dead"] += 1
            self.database.rows(DEAD, self.luck.randrange(3))
