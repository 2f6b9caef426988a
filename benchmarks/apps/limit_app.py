"""What PostgreSQL does by itself: the rows of echo and steps9, written by the engine's own SQL functions with
nothing of the engine in between.

As in the engine, whatever came together while the last call was under way is the next batch, and an
invocation is accepted together with the first that it does: an echo is one commit, nine steps are ten. There
is no HTTP, no handler, no replay machine and nobody to be told, so all clients come together in each batch.
"""

import asyncio
import sys
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from uuid import UUID, uuid4

import msgspec

from benchmarks.apps.loop import Result, closed_loop, serve
from benchmarks.apps.pgdurable_app import bench
from pgdurable.deployment import UNVERSIONED
from pgdurable.store import verbs
from pgdurable.store.access import Access
from pgdurable.store.lane import Lane
from pgdurable.store.rows import BirthRow, EndingRow, EntryRow, LeaseRow
from pgdurable.store.verbs import Capacity, Changes
from pgdurable_sdk.ids import new_id

PORT, DATABASE = int(sys.argv[1]), sys.argv[2]
RUN_ENTRY = 1041
DAY = 86_400
PAYLOAD = b'"hello"'


@dataclass(slots=True)
class Rows:
    """What one invocation adds to a batch."""

    lease: LeaseRow | None = None
    birth: BirthRow | None = None
    entry: EntryRow | None = None
    ending: EndingRow | None = None


class Driver:
    """A worker without handlers."""

    def __init__(self, dsn: str) -> None:
        self.worker = uuid4()
        self._lane = Lane(Access(dsn), "apply")
        self._attempts = count(1)
        self._open: list[tuple[Rows, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def join(self) -> None:
        """Become a worker that is never declared dead."""
        manifests = msgspec.json.encode([bench.manifest()]).decode()
        await verbs.register(self._lane, UNVERSIONED, "limit", "{}", manifests)
        lease = timedelta(days=1)
        await verbs.join_worker(self._lane, self.worker, "limit", UNVERSIONED, [bench.name], lease)

    async def echo(self) -> bool:
        """One invocation, accepted and completed at once."""
        birth = self._birth()
        await self._put(Rows(birth=birth._replace(outcome="success", position=1, seen=0, output=PAYLOAD)))
        return True

    async def steps9(self) -> bool:
        """One invocation, accepted with its first step; whatever follows, when the last is written."""
        birth = self._birth()
        lease = LeaseRow(birth.id, birth.attempt)
        await self._put(Rows(birth=birth, entry=_step(birth.id, 1)))
        for number in range(2, 10):
            await self._put(Rows(lease, entry=_step(birth.id, number)))
        ending = EndingRow(birth.id, "complete", 10, 0, outcome="success", value=PAYLOAD)
        await self._put(Rows(lease, ending=ending))
        return True

    async def run(self) -> None:
        """Write what has come together since the last batch, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._open = self._open, []
            await self._apply([rows for rows, _ in batch])
            for _, future in batch:
                future.set_result(None)

    async def _put(self, rows: Rows) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open.append((rows, future))
        self._wake.set()
        await future

    async def _apply(self, batch: list[Rows]) -> None:
        changes = Changes()
        changes.leases = [rows.lease for rows in batch if rows.lease]
        changes.entries = [rows.entry for rows in batch if rows.entry]
        changes.endings = [rows.ending for rows in batch if rows.ending]
        births = [rows.birth for rows in batch if rows.birth]
        changes.begun = [birth for birth in births if birth.outcome is None]
        changes.whole = [birth for birth in births if birth.outcome is not None]
        applied = await verbs.apply(self._lane, changes, Capacity(self.worker, 0, 0))
        assert not applied.fenced, "its leases are its own"

    def _birth(self) -> BirthRow:
        return BirthRow(
            id=new_id(),
            service=bench.name,
            handler="echo",
            key=None,
            handler_type="service",
            input=PAYLOAD,
            headers=None,
            origin=self.worker,
            retention=DAY,
            journal_retention=DAY,
            trace_parent=None,
            attempt=next(self._attempts),
        )


def _step(id: UUID, number: int) -> EntryRow:
    name = f"step-{number}"
    return EntryRow(id, number, RUN_ENTRY, 0, name, None, None, None, "success", b"1", None)


async def main() -> None:
    """Serve the suite."""
    driver = Driver(DATABASE)
    await driver.join()
    requests = {"echo": driver.echo, "steps9": driver.steps9}

    async def measure(workload: str, clients: int, seconds: float) -> Result:
        return await closed_loop(requests[workload], clients, seconds)

    async with asyncio.TaskGroup() as group:
        group.create_task(driver.run())
        group.create_task(serve(PORT, measure))


asyncio.run(main())
