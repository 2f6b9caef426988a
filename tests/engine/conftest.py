"""Engine tests run several real processes on one database, and count what happens in a ledger.

`engine` is all of it: it starts workers and clients, and ends them with the test. They go through PgBouncer
with `PGDURABLE_TEST_POOLER`: `listening`, with a connection around it, or `polling`, without.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.clients import Client
from tests.engine.database import Database
from tests.engine.ledger import Ledger
from tests.fixtures.postgres import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.engine.processes import Nursery, Process
    from tests.fixtures.pooler import Pooler
    from tests.fixtures.postgres import Server


POOLER = os.environ.get("PGDURABLE_TEST_POOLER", "")


class Engine:
    """Workers, clients, the database they share, and the ledger."""

    def __init__(
        self,
        nursery: Nursery,
        folder: Path,
        dsn: str,
        pooler: Pooler | None = None,
        *,
        listening: bool = False,
    ) -> None:
        self.dsn = dsn if pooler is None else pooler.dsn(dsn)
        self.listen_dsn = dsn if listening else None
        self.database = Database(dsn)
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.processes: list[Process] = []
        self._nursery = nursery
        self._folder = folder
        self._clients = AsyncExitStack()

    def begin(
        self,
        app: str | None = None,
        *,
        ingress: bool = False,
        mute: bool = False,
        heartless: bool = False,
        deployment: str | None = "dp_test",
        release: str = "",
        dsn: str | None = None,
        hooks: Sequence[str] = (),
        settings: dict[str, Any] | None = None,
    ) -> Process:
        """A process that serves ``app`` (a file in apps/), HTTP, or both; it is not ready yet."""
        process = self._nursery.begin(
            self._folder,
            dsn or self.dsn,
            listen_dsn=self.listen_dsn,
            app=app,
            port=free_port() if ingress else None,
            mute=mute,
            heartless=heartless,
            deployment=deployment,
            release=release,
            hooks=hooks,
            ledger=self.ledger.path,
            settings=settings or {},
        )
        self.processes.append(process)
        return process

    async def worker(self, app: str, **settings: Any) -> Process:
        return await self.begin(app, settings=settings).ready()

    async def workers(self, number: int, app: str, **settings: Any) -> list[Process]:
        begun = [self.begin(app, settings=settings) for _ in range(number)]
        return [await process.ready() for process in begun]

    async def client(self, **settings: Any) -> Client:
        client = Client(self.dsn, self.listen_dsn, **settings)
        self._clients.push_async_callback(client.stop)
        return await client.start()

    async def close(self) -> None:
        await self._clients.aclose()
        for process in self.processes:
            if process.exit_code is None:
                process.kill()
        for process in self.processes:
            await process.ended()
        self.database.close()

    def logs(self) -> str:
        return "\n".join(f"--- process {process.pid}\n{process.log[-20000:]}" for process in self.processes)


@pytest.fixture
async def engine(
    nursery: Nursery, tmp_path: Path, dsn: str, request: pytest.FixtureRequest
) -> AsyncIterator[Engine]:
    pooler: Pooler | None = request.getfixturevalue("pooler") if POOLER else None
    engine = Engine(nursery, tmp_path, dsn, pooler, listening=POOLER == "listening")
    yield engine
    await finish(engine, request)


@pytest.fixture
async def engine_of_its_own(
    nursery: Nursery, tmp_path: Path, own_server: Server, request: pytest.FixtureRequest
) -> AsyncIterator[Engine]:
    """On a server that nobody else uses: it may be stopped."""
    engine = Engine(nursery, tmp_path, own_server.dsn())
    yield engine
    await finish(engine, request)


async def finish(engine: Engine, request: pytest.FixtureRequest) -> None:
    await engine.close()
    # Shown by pytest where the test failed.
    print(engine.logs())  # noqa: T201
