"""What PostgreSQL does by itself: the rows of echo and steps9, written by the engine's own SQL functions with
nothing of the engine in between.

As in the engine, whatever came together while the last call was under way is the next batch; submissions go
over one connection, steps and completions over another, and both are under way at once. There is no HTTP, no
handler, no replay machine and nobody to be told.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID, uuid4

import msgspec

from benchmarks.apps.loop import Result, closed_loop, serve
from benchmarks.apps.pgdurable_app import bench
from pgdurable.deployment import UNVERSIONED
from pgdurable.store import verbs
from pgdurable.store.lane import Lane
from pgdurable.store.rows import EndingRow, EntryRow, LeaseRow, SubmissionRow
from pgdurable.store.verbs import NO_CAPACITY, Capacity, Changes
from pgdurable_sdk.ids import new_id

PORT, DATABASE = int(sys.argv[1]), sys.argv[2]
RUN_ENTRY = 1041
DAY = 86_400
STRIDE = 1 << 20
STEPS = {"echo": 0, "steps9": 9}

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batches(Generic[Item, Answer]):
    """Writes what has come together since the last batch, and hands each its answer."""

    def __init__(self, write: Callable[[list[Item]], Awaitable[list[Answer]]]) -> None:
        self._write = write
        self._open: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._wake = asyncio.Event()

    async def put(self, item: Item) -> Answer:
        """Wait until it is written."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open.append((item, future))
        self._wake.set()
        return await future

    async def run(self) -> None:
        """Write, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._open = self._open, []
            answers = await self._write([item for item, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                future.set_result(answer)


class Driver:
    """A worker without handlers."""

    def __init__(self, dsn: str) -> None:
        self.worker = uuid4()
        self.submissions = Batches(self._submit)
        self.changes = Batches(self._apply)
        self._submit_lane = Lane(dsn, "submit")
        self._apply_lane = Lane(dsn, "apply")
        self._attempt = 1

    async def join(self) -> None:
        """Become a worker that is never declared dead."""
        lane, lease = self._submit_lane, timedelta(days=1)
        manifests = msgspec.json.encode([bench.manifest()]).decode()
        await verbs.register(lane, UNVERSIONED, "limit", "{}", manifests)
        await verbs.join_worker(lane, self.worker, "limit", UNVERSIONED, [bench.name], lease)

    async def request(self, steps: int) -> bool:
        """One invocation from its submission to its completion."""
        id = new_id()
        attempt = await self.submissions.put(_submission(id, self.worker))
        lease = LeaseRow(id, attempt)
        for number in range(1, steps + 1):
            entry = EntryRow(
                id, number, RUN_ENTRY, 0, f"step-{number}", None, None, None, "success", b"1", None
            )
            await self.changes.put((lease, entry))
        ending = EndingRow(id, "complete", steps + 1, 0, outcome="success", value=b'"hello"')
        await self.changes.put((lease, ending))
        return True

    async def _submit(self, rows: list[SubmissionRow]) -> list[int]:
        capacity = Capacity(self.worker, len(rows), self._attempt)
        self._attempt += STRIDE
        submitted = await verbs.submit(self._submit_lane, rows, capacity)
        attempts: dict[UUID, int] = {start.id: start.attempt for start in submitted.started}
        return [attempts[row.id] for row in rows]

    async def _apply(self, written: list[tuple[LeaseRow, EntryRow | EndingRow]]) -> list[None]:
        changes = Changes()
        changes.leases = [lease for lease, _ in written]
        changes.entries = [row for _, row in written if isinstance(row, EntryRow)]
        changes.endings = [row for _, row in written if isinstance(row, EndingRow)]
        capacity = Capacity(self.worker, 0, NO_CAPACITY.attempt)
        applied = await verbs.apply(self._apply_lane, changes, capacity)
        assert not applied.fenced, "its leases are its own"
        return [None] * len(written)


def _submission(id: UUID, origin: UUID) -> SubmissionRow:
    return SubmissionRow(
        id=id,
        service=bench.name,
        handler="echo",
        key=None,
        handler_type="service",
        input=b'"hello"',
        headers=None,
        idempotency_key=None,
        delay=None,
        caller_id=None,
        caller_index=None,
        origin=origin,
        retention=DAY,
        journal_retention=DAY,
        trace_parent=None,
    )


async def main() -> None:
    """Serve the suite."""
    driver = Driver(DATABASE)
    await driver.join()

    async def measure(workload: str, clients: int, seconds: float) -> Result:
        return await closed_loop(partial(driver.request, STEPS[workload]), clients, seconds)

    async with asyncio.TaskGroup() as group:
        group.create_task(driver.submissions.run())
        group.create_task(driver.changes.run())
        group.create_task(serve(PORT, measure))


asyncio.run(main())
