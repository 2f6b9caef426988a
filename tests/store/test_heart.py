"""The heartbeat starts and stops like every service: also in the wrong order, also without a database."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import psycopg

from pgdurable.store.access import Access
from pgdurable.store.heart import Heart
from tests.engine.watching import until

NOWHERE = "postgresql://127.0.0.1:1/nowhere"


def heart(lost: list[str], lease: float = 10.0) -> Heart:
    return Heart(Access(NOWHERE), uuid4(), lease, lost.append)


async def test_it_may_be_stopped_before_it_is_started() -> None:
    lost: list[str] = []
    await heart(lost).stop()
    assert lost == []


async def test_it_may_be_stopped_twice() -> None:
    lost: list[str] = []
    one = heart(lost)
    await one.start()
    await one.stop()
    await one.stop()
    assert lost == []


async def test_it_stops_at_once_however_long_the_lease() -> None:
    one = heart([], lease=3600.0)
    await one.start()
    async with asyncio.timeout(60):
        await one.stop()


async def test_a_lease_that_cannot_be_renewed_is_lost_before_others_may_take_over() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    lost: list[float] = []
    told = asyncio.Event()

    def note(_reason: str) -> None:
        lost.append(loop.time() - began)
        told.set()

    one = Heart(Access(NOWHERE), uuid4(), 3.0, note)
    await one.start()
    async with asyncio.timeout(60):
        await told.wait()
    await one.stop()
    assert len(lost) == 1
    assert lost[0] < 3.0


async def test_a_worker_is_present_before_it_joins(dsn: str) -> None:
    """One that is registered and has no presence lock is taken for dead, however busy the machine is."""
    lost: list[str] = []
    worker = uuid4()
    one = Heart(Access(dsn), worker, 10.0, lost.append)
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=pgdurable_engine") as connection:
        await one.start()
        assert connection.execute("select presence_free(%s)", [worker]).fetchone() == (False,)
        connection.execute("select join_worker(%s, 'name', null, false, '{}', '10 s')", [worker])

        def renewed() -> bool:
            row = connection.execute("select heartbeat_at - started_at > '1 ms' from worker").fetchone()
            return bool(row and row[0])

        await asyncio.sleep(0.01)
        one.joined()
        await until(renewed, 60, "the lease is renewed")
        await one.stop()
    assert lost == []
