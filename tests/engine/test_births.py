"""What a worker's own clients ask for is begun while it is being accepted; nobody hears of it before."""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

from pgdurable import Context, Service
from pgdurable.engine.attempt import Attempt
from pgdurable.node import Node
from pgdurable.store.rows import EndingRow, StartRow, SubmissionRow
from pgdurable_sdk.journal.machine import Machine
from pgdurable_sdk.runtime import Execution
from tests.engine.clients import Client
from tests.engine.living import Living
from tests.engine.watching import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from tests.engine.conftest import Engine

pytestmark = pytest.mark.pg


class Here:
    """A worker in this process, with handlers whose every beginning is noted, and its own client."""

    def __init__(self, dsn: str) -> None:
        self.begun: list[str] = []
        self.stepped: list[str] = []
        service = Service("Here")

        @service.handler()
        async def echo(ctx: Context, text: str) -> str:
            self.begun.append(text)
            return text

        @service.handler()
        async def step(ctx: Context, text: str) -> str:
            self.begun.append(text)
            return await ctx.run_typed("step", self._step, text=text)

        @service.handler(inactivity_timeout=timedelta(0))
        async def doze(ctx: Context, seconds: float) -> None:
            await ctx.sleep(timedelta(seconds=seconds))

        self.client = Client(dsn)
        self.client.node = Node(dsn, services=[service])

    def _step(self, text: str) -> str:
        self.stepped.append(text)
        return text


@pytest.fixture
async def here(engine: Engine) -> AsyncIterator[Here]:
    here = Here(engine.dsn)
    await here.client.start()
    await here.client.call("Here", "echo", "are you there?")
    here.begun.clear()
    yield here
    await here.client.stop()


@contextmanager
def nothing_is_accepted(dsn: str) -> Generator[None]:
    """Whoever inserts an invocation waits."""
    with psycopg.connect(dsn) as connection:
        connection.execute("lock table pgdurable_engine.invocation in share mode")
        yield


async def test_it_is_answered_when_it_is_committed_as_a_whole(engine: Engine, here: Here) -> None:
    with nothing_is_accepted(engine.dsn):
        answer = asyncio.create_task(here.client.call("Here", "echo", "hello"))
        await until(lambda: here.begun, 60, "the handler ran")
        await until(lambda: engine.database.blocked("apply"), 60, "its commit waits")
        assert not answer.done()
    assert await answer == "hello"
    assert here.begun == ["hello"]
    assert engine.database.rows("select attempt from running") == []
    assert engine.database.unfinished() == []
    engine.database.sound()


async def test_a_step_is_not_executed_before_its_invocation_is_accepted(engine: Engine, here: Here) -> None:
    with nothing_is_accepted(engine.dsn):
        answer = asyncio.create_task(here.client.call("Here", "step", "hello"))
        await until(lambda: here.begun, 60, "the handler ran")
        await until(lambda: engine.database.blocked("apply"), 60, "its commit waits")
        assert here.stepped == []
    assert await answer == "hello"
    assert here.stepped == ["hello"]


async def test_when_its_commit_is_unknown_it_is_submitted_again(engine: Engine, here: Here) -> None:
    with nothing_is_accepted(engine.dsn):
        answer = asyncio.create_task(here.client.call("Here", "echo", "hello"))
        pid = await until(lambda: engine.database.blocked("apply"), 60, "its commit waits")
        engine.database.terminate(pid)
        await until(lambda: engine.database.blocked("submit"), 60, "it is submitted like any other")
        assert not answer.done()
    assert await answer == "hello"
    assert engine.database.value("select count(*) from invocation") == 2, "the first call's, too"
    await engine.database.finishes(60)
    engine.database.sound()


async def test_a_send_is_accepted_when_it_is_committed(engine: Engine, here: Here) -> None:
    with nothing_is_accepted(engine.dsn):
        sent = asyncio.create_task(here.client.send("Here", "echo", "hello"))
        await until(lambda: here.begun, 60, "the handler ran")
        await until(lambda: engine.database.blocked("apply"), 60, "its commit waits")
        assert not sent.done()
    assert engine.database.status(await sent) == "completed"


async def test_what_was_not_accepted_when_its_process_died_never_was(engine: Engine) -> None:
    process = await engine.begin("basic.py", ingress=True).ready()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}") as http:
        # Its worker may join a moment after it is ready; before that nothing is begun while it is accepted.
        await http.post("/Greeter/greet", json="Eve", timeout=60)
        before = engine.database.rows("select id from invocation")
        with nothing_is_accepted(engine.dsn):
            answer = asyncio.create_task(http.post("/Greeter/greet", json="Ada", timeout=60))
            await until(lambda: engine.ledger.count("greet") == 2, 60, "the handler ran")
            pid = await until(lambda: engine.database.blocked("apply"), 60, "its commit waits")
            process.kill()
            await process.ended()
            engine.database.terminate(pid)  # PostgreSQL does not notice while it waits for a lock
            with suppress(httpx.TransportError):
                pytest.fail(f"answered {(await answer).text}")
    assert engine.database.rows("select id from invocation") == before


async def test_nothing_of_an_attempt_is_left_to_the_collector(here: Here) -> None:
    living = Living(Attempt, Execution)
    gc.disable()
    try:
        for handler in ("echo", "step"):
            assert await here.client.call("Here", handler, "hello") == "hello"
        assert living.since() == []
    finally:
        gc.enable()


async def test_a_suspended_invocation_leaves_nothing_in_memory(engine: Engine, here: Here) -> None:
    living = Living(Attempt, Execution, Machine, StartRow, EndingRow, SubmissionRow)
    ids = [await here.client.send("Here", "doze", 3600.0) for _ in range(20)]
    for id in ids:
        await engine.database.reaches(id, "suspended")
    await here.client.call("Here", "echo", "hello")  # when it is answered, the others are over and done with
    gc.collect()
    kept = living.since()
    assert [each for each in kept if not isinstance(each, SubmissionRow)] == []
    assert [each for each in kept if isinstance(each, SubmissionRow) and each.handler == "doze"] == []
