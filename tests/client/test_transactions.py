"""An invocation as a part of its caller's transaction: it happens with the caller's rows, or not at all."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from pgdurable import HttpError
from tests.client import app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pgdurable import Client, InvocationHandle
    from tests.client.conftest import Running

SOON = timedelta(seconds=20)


class Theirs:
    """A connection of the caller's, blocking or not."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def do(self, method: str, *arguments: Any) -> Any:
        call = getattr(self.connection, method)
        if isinstance(self.connection, psycopg.AsyncConnection):
            return await call(*arguments)
        return await asyncio.to_thread(call, *arguments)


@pytest.fixture(params=["async-sql", "sync-sql"])
async def client(request: pytest.FixtureRequest, running: Running) -> AsyncIterator[Client]:
    async with running.client(request.param) as client:
        yield client


@pytest.fixture
async def theirs(request: pytest.FixtureRequest, running: Running) -> AsyncIterator[Theirs]:
    if request.getfixturevalue("client").__class__.__name__ == "Client":
        theirs = Theirs(await psycopg.AsyncConnection.connect(running.dsn))
    else:
        theirs = Theirs(await asyncio.to_thread(psycopg.connect, running.dsn))
    await theirs.do("execute", "create table if not exists booking (name text)")
    await theirs.do("commit")
    yield theirs
    await theirs.do("close")


async def test_committed_with_their_rows(client: Client, theirs: Theirs) -> None:
    name = uuid.uuid4().hex
    await theirs.do("execute", "insert into booking values (%s)", [name])
    handle = await client.service_send(app.greet, name, connection=theirs.connection)
    with pytest.raises(HttpError, match="not found"):
        await handle.output()
    began = datetime.now(UTC)
    await theirs.do("commit")
    assert await handle.attach(SOON) == f"Hello {name}"
    assert datetime.now(UTC) - began < timedelta(seconds=1.8), "workers are told"
    cursor = await theirs.do("execute", "select count(*) from booking where name = %s", [name])
    assert (await awaited(cursor.fetchone()))[0] == 1


async def test_rolled_back_with_their_rows(client: Client, theirs: Theirs) -> None:
    once = uuid.uuid4().hex
    handles: list[InvocationHandle[Any]] = [
        await client.service_send(app.greet, "x", connection=theirs.connection),
        await client.object_send(app.add, once, 1, connection=theirs.connection),
        await client.workflow_send(app.run, once, "x", connection=theirs.connection),
    ]
    await theirs.do("rollback")
    for handle in handles:
        with pytest.raises(HttpError, match="not found"):
            await handle.attach(SOON)
    assert await client.object_call(app.get, once, None) == 0


async def test_nobody_waits_for_their_transaction(client: Client, theirs: Theirs) -> None:
    """An object's key is not locked until the commit, or all of its worker would wait for it."""
    key = uuid.uuid4().hex
    handle = await client.object_send(app.add, key, 10, connection=theirs.connection)
    assert await client.object_call(app.add, key, 1, timeout=SOON) == 1
    began = datetime.now(UTC)
    await theirs.do("commit")
    assert await handle.attach(SOON) == 11
    assert datetime.now(UTC) - began < timedelta(seconds=1.8), "workers are told"


async def test_the_same_again_within_the_transaction(client: Client, theirs: Theirs) -> None:
    once = uuid.uuid4().hex
    handles = [
        await client.service_send(app.greet, "x", idempotency_key=once, connection=theirs.connection)
        for _ in range(2)
    ]
    await theirs.do("commit")
    assert [handle.status for handle in handles] == ["Accepted", "PreviouslyAccepted"]
    assert await handles[1].attach(SOON) == "Hello x"


async def test_a_refusal_leaves_their_transaction_as_it_was(client: Client, theirs: Theirs) -> None:
    with pytest.raises(HttpError, match="not found"):
        await client.generic_send("Nobody", "home", b"", connection=theirs.connection)
    await theirs.do("execute", "select 1")


async def test_only_a_connection_will_do(client: Client, running: Running) -> None:
    nothing: Any = "postgresql://"
    with pytest.raises(TypeError, match=r"give a psycopg\.(Async)?Connection"):
        await client.service_send(app.greet, "x", connection=nothing)
    async with running.client("async-http") as other:
        with pytest.raises(TypeError, match="only a client of a database"):
            await other.service_send(app.greet, "x", connection=nothing)


async def awaited(value: Any) -> Any:
    return await value if asyncio.iscoroutine(value) else value
