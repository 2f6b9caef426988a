"""What clients do while something is away: a notification, the database, the ingress, all of it."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable import ConnectError, UsageError
from tests.client import app
from tests.client.conftest import begin
from tests.client.flavours import FLAVOURS, make
from tests.fixtures.postgres import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from pgdurable import Client, InvocationHandle
    from tests.client.conftest import Running
    from tests.engine.processes import Nursery
    from tests.fixtures.postgres import Server

SOON = timedelta(seconds=20)
SQL = [flavour for flavour in FLAVOURS if flavour.endswith("sql")]
HTTP = [flavour for flavour in FLAVOURS if flavour.endswith("http")]


async def awaiting(client: Client) -> tuple[InvocationHandle[str], str, asyncio.Task[str]]:
    """An invocation, what it waits for, and the client's wait for it."""
    key = uuid.uuid4().hex
    handle = await client.object_send(app.hold, key, None)
    awakeable = None
    while awakeable is None:
        awakeable = await client.state("Counter", key).get("awakeable")
    waiting = asyncio.ensure_future(handle.attach(timedelta(seconds=40)))
    await asyncio.sleep(0)
    return handle, awakeable, waiting


async def test_lost_notifications(nursery: Nursery, tmp_path: Path, dsn: str) -> None:
    """No process says anything to any other."""
    running = await begin(nursery, tmp_path, dsn, mute=True)
    for flavour in SQL:
        async with running.client(flavour) as client:
            assert await client.service_call(app.greet, "Ada", timeout=SOON) == "Hello Ada"
    running.process.terminate()
    await running.process.ended()


async def test_a_database_that_is_restarted(nursery: Nursery, tmp_path: Path, own_server: Server) -> None:
    running = await begin(nursery, tmp_path, own_server.dsn())
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(running.client(flavour)) for flavour in FLAVOURS]
        waits = [await awaiting(client) for client in clients]
        await asyncio.to_thread(own_server.stop)
        calls = [asyncio.ensure_future(client.service_call(app.greet, "x")) for client in clients[:2]]
        await asyncio.to_thread(own_server.start)
        for client, (_, awakeable, _) in zip(clients, waits, strict=True):
            await client.resolve_awakeable(awakeable, "back")
        assert [await waiting for _, _, waiting in waits] == ["back"] * 4
        assert [await call for call in calls] == ["Hello x"] * 2
    running.process.terminate()
    await running.process.ended()


async def test_an_ingress_that_is_restarted(nursery: Nursery, tmp_path: Path, dsn: str) -> None:
    port = free_port()
    running = await begin(nursery, tmp_path, dsn, port)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(running.client(flavour)) for flavour in HTTP]
        waits = [await awaiting(client) for client in clients]
        running.process.kill()
        await running.process.ended()
        again = await begin(nursery, tmp_path, dsn, port)
        for client, (_, awakeable, _) in zip(clients, waits, strict=True):
            await client.resolve_awakeable(awakeable, "back")
        assert [await waiting for _, _, waiting in waits] == ["back"] * 2
    again.process.terminate()
    await again.process.ended()


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_nobody_there(flavour: str) -> None:
    """It is said at once, and where."""
    scheme = "postgresql://127.0.0.1" if flavour.endswith("sql") else "http://127.0.0.1"
    client = make(flavour, f"{scheme}:{free_port()}")
    with pytest.raises(ConnectError, match=r"refused|nobody answers"):
        await client.service_call(app.greet, "x", timeout=SOON)
    await client.close()


@pytest.mark.parametrize("flavour", SQL)
async def test_what_is_no_connection_string(flavour: str) -> None:
    with pytest.raises(ConnectError):
        async with make(flavour, "postgresql://[nonsense"):
            pass


@pytest.mark.parametrize("flavour", SQL)
async def test_a_client_that_is_closed(flavour: str, running: Running) -> None:
    client: Any = running.client(flavour)
    _, _, waiting = await awaiting(client)
    await client.close()
    await client.close()
    with pytest.raises(ConnectError, match="closed"):
        await waiting
    with pytest.raises(UsageError, match="closed"):
        await client.service_call(app.greet, "x")


async def test_a_wait_that_is_cancelled_holds_nothing(running: Running) -> None:
    async with running.client("async-sql", connections=1) as client:
        _, _, waiting = await awaiting(client)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        others = [client.service_call(app.nap, 0.2) for _ in range(5)]
        assert await asyncio.gather(*others) == ["awake"] * 5, "no connection is held while they wait"
