"""The schema is migrated under load: who fits it goes on, who does not stops, nothing is lost or charged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import psycopg
import pytest

from pgdurable.store.compatibility import Guard
from pgdurable.store.errors import Outdated
from pgdurable.store.migrate import MigrationFailed, migrate
from tests.engine import next_release
from tests.engine.next_release import BREAKING, FITTING, RELEASE, RENAMED, WIDER, files
from tests.engine.watching import until

if TYPE_CHECKING:
    from pgdurable.store.migrate import MigrationReport
    from pgdurable.store.sql_files import SqlFiles
    from tests.engine.clients import Client
    from tests.engine.conftest import Engine

CALLERS = 4
OUTDATED = 3
"""The exit code of the nursery's processes that end by themselves."""


class Load:
    """Callers that add to counters, one after the other, for as long as they are let."""

    def __init__(self, client: Client) -> None:
        self.answers: list[int] = []
        self._client = client
        self._over = False
        self._callers = [asyncio.create_task(self._call(f"key {number}")) for number in range(CALLERS)]

    async def _call(self, key: str) -> None:
        while not self._over:
            self.answers.append(await self._client.call("Counter", "add", 1, key=key))

    async def more(self, number: int) -> None:
        """Wait for so many more answers."""
        enough = len(self.answers) + number
        await until(
            lambda: len(self.answers) >= enough, 60, lambda: f"{enough}, but {len(self.answers)} answers"
        )

    async def stop(self) -> int:
        """When all have their last answer: how many there were."""
        self._over = True
        await asyncio.gather(*self._callers)
        return len(self.answers)


async def migrated(engine: Engine, to: SqlFiles, release: str = RELEASE) -> MigrationReport:
    return await asyncio.to_thread(migrate, engine.dsn, files=to, release=release)


@pytest.mark.slow
async def test_who_fits_goes_on(engine: Engine) -> None:
    workers = await engine.workers(2, "basic.py")
    load = Load(await engine.client())
    await load.more(20)
    for change in (files(None, WIDER), files(FITTING, WIDER), files(FITTING)):
        assert (await migrated(engine, change)).changed
        await load.more(20)
    answered = await load.stop()
    await engine.database.finishes(60)
    assert sum(engine.database.counters("Counter").values()) == answered
    assert [worker.exit_code for worker in workers] == [None, None]
    engine.database.sound()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (files(BREAKING), "pgdurable 99.0.0 has migrated the database, and pgdurable 0.1.0 cannot work with"),
        (
            files(None, RENAMED, WIDER),
            "the schema of the database does not fit pgdurable 0.1.0 (claim: function",
        ),
    ],
    ids=["breaking", "unfit"],
)
async def test_who_does_not_fit_stops_and_loses_nothing(engine: Engine, change: SqlFiles, told: str) -> None:
    workers = [engine.begin("basic.py", ingress=True) for _ in range(2)]
    for worker in workers:
        await worker.ready()
    client = await engine.client()
    waiting = [await client.send("Greeter", "idle", 3600.0) for _ in range(3)]
    ids = [await client.send("Counter", "add", 1, key=f"k{number % 3}") for number in range(60)]
    await migrated(engine, change)
    for worker in workers:
        assert await worker.ended() == OUTDATED
        assert told in worker.log
    assert engine.database.failed_attempts() == []
    statuses = {engine.database.status(id) for id in (*ids, *waiting)}
    assert statuses <= {"completed", "ready", "pending", "suspended", "running"}, "nothing failed"
    with pytest.raises(AssertionError, match="it ended"):
        await engine.begin("basic.py").ready()


@pytest.mark.slow
async def test_the_next_release_goes_on_where_the_old_one_stopped(engine: Engine) -> None:
    workers = await engine.workers(2, "basic.py")
    client = await engine.client()
    ids = [await client.send("Counter", "add", 1, key=f"k{number % 3}") for number in range(60)]
    await migrated(engine, files(BREAKING))
    for worker in workers:
        assert await worker.ended() == OUTDATED
    hook = f"{next_release.__name__}:be_the_next_release"
    await engine.begin("basic.py", hooks=[hook]).ready()
    await engine.database.finishes(60)
    assert sum(engine.database.counters("Counter").values()) == len(ids)
    engine.database.sound()


# --- what a new connection looks at


async def look(dsn: str) -> Guard:
    guard = Guard()
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(dsn)
    try:
        await guard.check(connection)
    finally:
        await connection.close()
    return guard


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("alter type pgdurable_engine.submission add attribute more int", r"type submission"),
        ("alter table pgdurable_engine.journal add column more int", r"type journal"),
        (
            "delete from pgdurable_engine.migration where number = 2",
            r"lacks migration 0002 .* run `pgdurable migrate`",
        ),
    ],
)
async def test_a_schema_that_does_not_fit(dsn: str, change: str, told: str) -> None:
    await look(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute(change.encode())
        connection.execute("update pgdurable_engine.repeatable set checksum = 'of another'")
    with pytest.raises(Outdated, match=told):
        await look(dsn)


async def test_a_database_without_a_schema(empty_dsn: str) -> None:
    with pytest.raises(Outdated, match="has no schema of pgdurable: `pgdurable migrate` makes it"):
        await look(empty_dsn)


# --- what stands in the way of a migration


async def test_a_migration_keeps_nobody_waiting_while_it_waits(engine: Engine) -> None:
    """A lock that is waited for stands before all that come later: so it is not waited for."""
    await engine.worker("basic.py")
    load = Load(await engine.client())
    with psycopg.connect(engine.database.dsn) as other:
        other.execute("select from pgdurable_engine.worker")  # and a transaction that goes on
        task = asyncio.create_task(migrated(engine, files(FITTING)))
        await until(
            lambda: engine.database.blocked("migrate") is not None, 60, "a migration that waits for a lock"
        )
        await load.more(40)
        assert not task.done()
    assert (await task).refreshed is False
    await load.stop()
    assert engine.database.failed_attempts() == []


def test_a_migration_that_never_gets_its_locks_leaves_everything_as_it_was(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgdurable.store.migrate.PAUSES", (0.0,))
    monkeypatch.setattr("pgdurable.store.migrate.LOCK_SECONDS", 0.05)
    with psycopg.connect(dsn) as other:
        other.execute("lock table pgdurable_engine.worker in share mode")
        with pytest.raises(MigrationFailed, match=r"_next\.sql.*: canceling statement due to lock timeout"):
            migrate(dsn, files=files(FITTING, WIDER), release=RELEASE)
    assert migrate(dsn).changed is False
