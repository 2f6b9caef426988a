"""One process with everything in it for a module: worker, ingress, admin API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.client.flavours import FLAVOURS, make
from tests.engine.processes import Nursery
from tests.fixtures.postgres import execute, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pgdurable import Client
    from tests.engine.processes import Process
    from tests.fixtures.postgres import Server

APP = Path(__file__).with_name("app.py")


@dataclass(frozen=True, slots=True)
class Running:
    """Where the app is reached."""

    dsn: str
    ingress: str
    admin: str
    process: Process

    def client(self, flavour: str, **more: Any) -> Client:
        if flavour.endswith("sql"):
            return make(flavour, self.dsn, **more)
        return make(flavour, self.ingress, admin=self.admin, **more)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


async def begin(
    nursery: Nursery,
    folder: Path,
    dsn: str,
    port: int | None = None,
    *,
    app: Path | str = APP,
    mute: bool = False,
) -> Running:
    port, admin = port or free_port(), free_port()
    process = nursery.begin(
        folder,
        dsn,
        app=str(app),
        port=port,
        admin=admin,
        mute=mute,
        ledger=folder / "ledger",
        settings={},
    )
    await process.ready()
    return Running(dsn, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}", process)


@pytest.fixture(scope="module")
def module_dsn(server: Server, template: str, worker_id: str) -> Iterator[str]:
    name = f"test_client_{worker_id}"
    execute(server, f"create database {name} template {template} strategy file_copy")
    yield server.dsn(name)
    execute(server, f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def running(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory, module_dsn: str) -> Iterator[Running]:
    running = asyncio.run(begin(nursery, tmp_path_factory.mktemp("client"), module_dsn))
    yield running
    running.process.terminate()
    asyncio.run(running.process.ended())


@pytest.fixture(params=FLAVOURS)
async def client(request: pytest.FixtureRequest, running: Running) -> AsyncIterator[Client]:
    async with running.client(request.param) as client:
        yield client
