"""Options of services and handlers, from where they are declared to what they do."""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pgdurable import Context, InvocationRetryPolicy, RunOptions, Service, SyncContext, TerminalError
from pgdurable.extensions import current_context
from pgdurable.testing import harness
from tests.engine.database import Database
from tests.engine.watching import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.engine.conftest import Engine

HOUR = timedelta(hours=1)
log: list[str] = []
tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


@pytest.fixture(autouse=True)
def clean_log() -> None:
    log.clear()


def manager(name: str) -> Callable[[], Any]:
    """Says when it is entered, and with what it is left."""

    @asynccontextmanager
    async def noting() -> AsyncGenerator[None]:
        log.append(f"{name} in")
        token = tenant.set(name)
        try:
            yield
        except BaseException as error:
            log.append(f"{name} out: {type(error).__name__}")
            raise
        else:
            log.append(f"{name} out")
        finally:
            tenant.reset(token)

    return noting


class Unready:
    """Cannot be entered at first."""

    attempts = 0

    async def __aenter__(self) -> None:
        Unready.attempts += 1
        if Unready.attempts == 1:
            raise ConnectionError("not yet")

    async def __aexit__(self, *_: object) -> None:
        log.append("closed")


managed = Service("Managed", invocation_context_managers=[manager("outer")])


@managed.handler(invocation_context_managers=[manager("inner")])
async def waits(ctx: Context) -> str:
    log.append(f"handler of {tenant.get()}")
    await ctx.sleep(HOUR)
    return tenant.get()


@managed.handler()
async def fails(ctx: Context) -> None:
    raise TerminalError("no")


@managed.handler(invocation_context_managers=[Unready])
async def unready(ctx: Context) -> str:
    return "done"


@managed.handler(invocation_context_managers=[manager("inner")])
def plain(ctx: SyncContext) -> str:
    seen = [tenant.get(), ctx.run("step", tenant.get)]
    assert current_context() is not None
    return " ".join(seen)


@managed.handler()
async def stays(ctx: Context) -> None:
    log.append("waits")
    await asyncio.Event().wait()


async def test_managers_are_around_every_attempt(dsn: str) -> None:
    """One that is suspended leaves them, and enters them again when it is replayed."""
    async with harness([managed], dsn=dsn, always_replay=True) as env:
        waiting = await env.client.service_send(waits, None)
        await env.settle()
        assert log == [
            "outer in",
            "inner in",
            "handler of inner",
            "inner out: SuspendedException",
            "outer out: SuspendedException",
        ]
        log.clear()
        await env.advance(HOUR)
        assert await waiting.attach() == "inner"
        assert log == ["outer in", "inner in", "handler of inner", "inner out", "outer out"]


async def test_managers_see_the_error_of_their_handler(dsn: str) -> None:
    async with harness([managed], dsn=dsn) as env:
        with pytest.raises(TerminalError, match="no"):
            await env.client.service_call(fails, None)
    assert log == ["outer in", "outer out: TerminalError"]


async def test_a_manager_that_cannot_be_entered_fails_the_attempt(dsn: str) -> None:
    async with harness([managed], dsn=dsn) as env:
        assert await env.client.service_call(unready, None) == "done"
        assert [str(failure.error) for failure in env.failures] == ["not yet"]
    assert log == ["outer in", "outer out: ConnectionError", "outer in", "closed", "outer out"]


async def test_a_handler_in_a_thread_has_what_its_managers_set(dsn: str) -> None:
    async with harness([managed], dsn=dsn) as env:
        assert await env.client.service_call(plain, None) == "inner inner"


async def test_managers_are_left_when_the_invocation_is_killed(dsn: str) -> None:
    async with harness([managed], dsn=dsn) as env:
        await env.client.service_send(stays, None)
        await until(lambda: "waits" in log, 60, "it runs")
        database = Database(env.dsn)
        id = database.value("select id from sys_invocation")
        assert database.control("kill", id) == "done"
        await until(lambda: "outer out: CancelledError" in log, 60, lambda: log)
        database.close()


timeouts = Service("Timeouts", inactivity_timeout=HOUR)
events: list[Any] = []
watchers: set[asyncio.Task[None]] = set()


@timeouts.handler(inactivity_timeout=timedelta(0))
async def at_once(ctx: Context) -> None:
    await ctx.sleep(HOUR)


@timeouts.handler()
async def stays_resident(ctx: Context) -> None:
    await ctx.sleep(HOUR)


async def test_a_handler_may_leave_memory_whenever_it_waits(dsn: str) -> None:
    async with harness([timeouts], dsn=dsn) as env:
        await env.client.service_send(at_once, None)
        await env.client.service_send(stays_resident, None)
        await env.settle()
        database = Database(env.dsn)
        rows = database.rows("select target_handler_name, status from sys_invocation order by 1")
        assert rows == [("at_once", "suspended"), ("stays_resident", "running")]
        database.close()


@timeouts.handler(inactivity_timeout=timedelta(0))
async def watched(ctx: Context) -> None:
    """Starts something that has to end with the attempt."""
    finished = ctx.request().attempt_finished_event

    async def clean_up() -> None:
        await finished.wait()
        log.append("cleaned up")

    assert not finished.is_set()
    events.append(finished)
    watchers.add(asyncio.create_task(clean_up()))
    await ctx.sleep(HOUR)


async def test_the_end_of_an_attempt_can_be_waited_for(dsn: str) -> None:
    """A suspension is one."""
    async with harness([timeouts], dsn=dsn) as env:
        waiting = await env.client.service_send(watched, None)
        await env.settle()
        await until(lambda: log == ["cleaned up"], 60, lambda: log)
        assert events[0].is_set()
        await env.advance(HOUR)
        await waiting.attach()
        await until(lambda: log == ["cleaned up"] * 2, 60, lambda: log)
    await asyncio.gather(*watchers)


retried = Service(
    "Retried",
    invocation_retry_policy=InvocationRetryPolicy(
        initial_interval=timedelta(milliseconds=10), max_attempts=3, on_max_attempts="kill"
    ),
)


@retried.handler()
async def as_the_service(ctx: Context) -> None:
    raise ValueError("again")


@retried.handler(invocation_retry_policy=InvocationRetryPolicy(max_attempts=2, on_max_attempts="pause"))
async def as_itself(ctx: Context) -> None:
    raise ValueError("again")


async def test_a_handlers_retry_policy_goes_before_its_services(dsn: str) -> None:
    async with harness([retried], dsn=dsn) as env:
        await env.client.service_send(as_the_service, None)
        await env.client.service_send(as_itself, None)
        database = Database(env.dsn)

        def shown() -> list[tuple[str, str, int | None]]:
            return database.rows(
                "select target_handler_name, status, retry_count from sys_invocation order by 1"
            )

        expected = [("as_itself", "paused", 2), ("as_the_service", "completed", None)]
        await until(lambda: shown() == expected, 60, shown)
        events = database.rows(
            "select event_type, count(*) from sys_journal_events join sys_invocation i using (uuid)"
            " group by i.target_handler_name, 1 order by i.target_handler_name, 1"
        )
        assert events == [("Paused", 1), ("TransientError", 1), ("TransientError", 2)]
        database.close()


private = Service("Hidden", ingress_private=True)
mixed = Service("Mixed")


@private.handler()
async def secret(ctx: Context) -> str:
    return "secret"


@mixed.handler(ingress_private=True)
async def inner(ctx: Context) -> str:
    return await ctx.service_call(secret, None)


@mixed.handler()
async def outer(ctx: Context) -> str:
    return await ctx.service_call(inner, None)


async def test_what_is_private_can_be_called_by_handlers_only(engine: Engine) -> None:
    process = await engine.begin("private.py", ingress=True).ready()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}") as http:
        assert (await http.post("/Mixed/outer")).json() == "secret"
        for path in ("/Mixed/inner", "/Hidden/secret", "/Hidden/secret/send"):
            refused = await http.post(path)
            assert (refused.status_code, refused.json()["message"]) == (
                400,
                "the invoked service is not public",
            ), path
    shown = engine.database.rows("select name, public from sys_service order by name")
    assert shown == [("Hidden", False), ("Mixed", True)]


steps = Service("Steps")
tried: list[int] = []


@steps.handler()
async def limited(ctx: Context) -> str:
    async def step() -> None:
        tried.append(1)
        raise ValueError("never")

    options: RunOptions[None] = RunOptions(
        max_duration=HOUR,
        initial_retry_interval=timedelta(minutes=20),
        max_retry_interval=timedelta(minutes=20),
    )
    try:
        await ctx.run_typed("step", step, options)
    except TerminalError as error:
        return error.message
    return "done"


async def test_a_step_is_given_up_so_long_after_its_first_failure(dsn: str) -> None:
    tried.clear()
    async with harness([steps], dsn=dsn) as env:
        invoked = await env.client.service_send(limited, None)
        await env.settle()
        for attempts in (1, 2, 3, 4):
            assert len(tried) == attempts
            await env.advance(timedelta(minutes=21))
        assert await invoked.attach() == "never"
        assert len(tried) == 4


@pytest.mark.slow
async def test_the_failures_of_a_step_are_counted_across_workers(engine: Engine) -> None:
    """Who takes over from a worker that died knows how often it has failed."""
    first = await engine.worker("failing.py")
    client = await engine.client()
    id = await client.send("Failing", "in_limited_step")
    await until(lambda: engine.ledger.count("attempt", id=id) == 1, 60, "it has failed once")
    await engine.database.reaches(id, "backing-off")
    first.kill()
    await engine.worker("failing.py")
    async with asyncio.timeout(60):
        assert await client.attach(id) == "given up: never"
    assert engine.ledger.count("attempt", id=id) == 3
    assert len({line.pid for line in engine.ledger.lines("attempt", id=id)}) == 2
