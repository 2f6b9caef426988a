"""A worker that is asked to stop stops, whatever fails at that moment."""

from __future__ import annotations

import asyncio

from pgdurable.engine.worker import Worker
from pgdurable.store.errors import Unavailable


class Failing(Worker):
    """One whose parts fail when they are stopped, as they do where the database is away or outdated."""

    def __init__(self, *, failing: bool = False) -> None:
        self._failing = failing
        self._said = ""
        self._draining = False
        self.residents = None
        self.lives = 0
        self.alive = asyncio.Event()

    async def _live(self) -> None:
        self.lives += 1
        async with asyncio.TaskGroup() as group:
            group.create_task(self._part())
            self.alive.set()

    async def _part(self) -> None:
        try:
            if not self._failing:
                await asyncio.Event().wait()
        finally:
            raise Unavailable("the database is gone")


async def test_a_stop_is_not_lost_among_the_errors_of_its_parts() -> None:
    worker = Failing()
    running = asyncio.create_task(worker.run())
    await worker.alive.wait()
    await asyncio.sleep(0)
    await worker.drain()
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=5)
    assert done, "it goes on"
    assert worker.lives == 1


async def test_it_begins_again_as_often_as_its_parts_fail() -> None:
    """Before Python 3.13 a task group that waits when a task fails leaves a cancellation counted."""
    worker = Failing(failing=True)
    running = asyncio.create_task(worker.run())
    while worker.lives < 3:
        assert not running.done()
        await worker.alive.wait()
        worker.alive.clear()
    await worker.drain()
    await asyncio.wait_for(running, 60)
