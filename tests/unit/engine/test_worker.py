"""A worker that is asked to stop stops, whatever fails at that moment."""

from __future__ import annotations

import asyncio

import pytest

from pgdurable.engine.worker import Worker
from pgdurable.store.errors import Unavailable


class Failing(Worker):
    """One whose parts fail when they are stopped, as they do where the database is away or outdated."""

    def __init__(self) -> None:
        self._said = ""
        self.lives = 0
        self.alive = asyncio.Event()

    async def _live(self) -> None:
        self.lives += 1
        async with asyncio.TaskGroup() as group:
            group.create_task(self._part())
            self.alive.set()

    async def _part(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise Unavailable("the database is gone")


async def test_a_stop_is_not_lost_among_the_errors_of_its_parts() -> None:
    worker = Failing()
    running = asyncio.create_task(worker.run())
    await worker.alive.wait()
    await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=5)
    assert done, "it goes on"
    assert running.cancelled()
    assert worker.lives == 1
    with pytest.raises(asyncio.CancelledError):
        await running
