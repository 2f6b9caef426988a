"""The harness as its users meet it: results, failures, and an engine in the test's own event loop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

import pgdurable
from pgdurable import Context, Service, TerminalError
from pgdurable.testing import harness

if TYPE_CHECKING:
    from tests.fixtures.postgres import Server
    from tests.testing.conftest import Serve, ServeOnPostgres

greeter = Service("Greeter")


async def greeting() -> str:
    return "Hello"


@greeter.handler()
async def greet(ctx: Context, name: str) -> str:
    return f"{await ctx.run('greeting', greeting)} {name}"


async def test_a_call(serve: Serve) -> None:
    async with serve(greeter) as env:
        assert await env.client.service_call(greet, "Sarah") == "Hello Sarah"


async def test_a_mock_of_the_tests_module_is_what_the_handler_calls(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def other() -> str:
        return "Goodbye"

    monkeypatch.setattr("tests.testing.test_harness.greeting", other)
    async with serve(greeter) as env:
        assert await env.client.service_call(greet, "Sarah") == "Goodbye Sarah"


async def test_a_failure_shows_where_the_handler_raised(serve: Serve) -> None:
    service = Service("Broken")

    @service.handler()
    async def divide(ctx: Context, by: int) -> float:
        return await ctx.run("divide", lambda: 1 / by)

    async with serve(service, disable_retries=True) as env:
        with pytest.raises(TerminalError, match="division by zero") as caught:
            await env.client.service_call(divide, 0)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        (failure,) = env.failures
        assert failure.target == "Broken/divide"
        assert "1 / by" in str(failure)
        assert not failure.retried


async def test_a_failure_nobody_asked_for_is_in_the_note_of_the_tests_own_error(serve: Serve) -> None:
    service = Service("Background")

    @service.handler()
    async def work(ctx: Context) -> None:
        raise KeyError("no such thing")

    async def test() -> None:
        async with serve(service, disable_retries=True) as env:
            await env.client.service_send(work, None)
            await env.settle()
            raise AssertionError("the work was not done")

    with pytest.raises(AssertionError) as caught:
        await test()
    (note,) = caught.value.__notes__
    assert "Background/work" in note
    assert "raise KeyError" in note


async def test_a_bug_fails_the_test_soon_without_any_option(serve: Serve) -> None:
    service = Service("Buggy")
    attempts: list[int] = []

    @service.handler()
    async def bug(ctx: Context) -> None:
        attempts.append(1)
        raise KeyError("bug")

    async with serve(service) as env:
        with pytest.raises(TerminalError, match="bug"):
            await env.client.service_call(bug, None)
    assert len(attempts) == 5


async def test_a_call_of_what_nobody_serves_fails_at_once(serve: Serve) -> None:
    service = Service("Caller")

    @service.handler()
    async def call(ctx: Context) -> None:
        await ctx.generic_call("Nobody", "home", b"")

    async with serve(service) as env:
        with pytest.raises(TerminalError, match="there is no service 'Nobody'"):
            await env.client.service_call(call, None)


async def test_settle_waits_for_a_handler_that_waits_for_something_else(serve: Serve) -> None:
    service = Service("Slow")
    door = asyncio.Event()
    inside = asyncio.Event()
    through: list[str] = []

    @service.handler()
    async def slow(ctx: Context) -> None:
        inside.set()
        await door.wait()
        through.append("slow")

    async with serve(service) as env:
        await env.client.service_send(slow, None)
        await inside.wait()
        settling = asyncio.create_task(env.settle())
        done, _ = await asyncio.wait([settling], timeout=0.1)
        assert not done
        door.set()
        await settling
        assert through == ["slow"]


async def test_what_hangs_at_the_end_of_a_test_does_not_hold_it_up(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service("Hanging")
    stopped: list[str] = []
    inside = asyncio.Event()

    @service.handler()
    async def hang(ctx: Context) -> None:
        inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("hang")

    caplog.set_level(logging.ERROR)
    async with serve(service) as env:
        await env.client.service_send(hang, None)
        await inside.wait()
    assert stopped == ["hang"]
    assert not caplog.records


async def test_it_listens_for_http_if_asked_to(serve_on_postgres: ServeOnPostgres) -> None:
    async with serve_on_postgres(greeter, ingress=True) as env, httpx.AsyncClient() as http:
        response = await http.post(f"{env.url}/Greeter/greet", json="Sarah")
        assert response.json() == "Hello Sarah"
    async with serve_on_postgres(greeter) as env:
        with pytest.raises(RuntimeError, match="ingress=True"):
            assert env.url


class Started:
    """What the harness needs of a container of testcontainers: where it is."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def get_connection_url(self, host: str | None = None, driver: str | None = "psycopg2") -> str:
        assert driver is None, "SQLAlchemy's way to name a driver is not libpq's"
        return self.dsn if host is None else host


@pytest.mark.parametrize("kind", [str, Started], ids=["a connection string", "a container"])
async def test_a_server_of_ones_own(server: Server, kind: type[str] | type[Started]) -> None:
    async with harness([greeter], server=kind(server.dsn("postgres"))) as env:
        assert await env.client.service_call(greet, "Sarah") == "Hello Sarah"
        assert "pgdurable_test" in env.dsn


async def test_the_harness_of_restate() -> None:
    async with (
        pgdurable.create_test_harness(pgdurable.app([greeter]), always_replay=True) as env,
        pgdurable.create_client(env.ingress_url) as client,
        httpx.AsyncClient() as http,
    ):
        assert await client.service_call(greet, "Sarah") == "Hello Sarah"
        assert await env.client.service_call(greet, "Bob") == "Hello Bob"
        assert (await http.get(f"{env.admin_api_url}/health")).status_code == 200


async def test_a_database_of_its_own_is_gone_afterwards() -> None:
    async with harness([greeter]) as env:
        assert await env.client.service_call(greet, "Sarah") == "Hello Sarah"
        dsn = env.dsn
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(dsn)
