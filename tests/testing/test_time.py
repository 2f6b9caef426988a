"""Time that a test moves: in order, and nothing is skipped."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from pgdurable import (
    Context,
    InvocationRetryPolicy,
    ObjectContext,
    Service,
    TerminalError,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from pgdurable.testing import Harness
from pgdurable.testing.clock import Clock

if TYPE_CHECKING:
    from datetime import datetime

    from tests.testing.conftest import Serve, ServeOnPostgres

DAY = timedelta(days=1)


async def test_a_job_that_sends_itself_daily_runs_thirty_times_in_thirty_days(serve: Serve) -> None:
    jobs = VirtualObject("Jobs")
    ran: list[float] = []

    @jobs.handler()
    async def daily(ctx: ObjectContext) -> None:
        ran.append(await ctx.time())
        ctx.object_send(daily, ctx.key(), None, send_delay=DAY)

    async with serve(jobs) as env:
        await env.client.object_send(daily, "report", None, send_delay=DAY)
        await env.advance(30 * DAY)
        assert len(ran) == 30
        assert {round(later - earlier) for earlier, later in itertools.pairwise(ran)} == {86400}
        await env.advance(DAY / 2)
        assert len(ran) == 30


async def test_timers_fire_in_the_order_in_which_they_are_due(serve: Serve) -> None:
    service = Service("Sleepers")
    woken: list[int] = []

    @service.handler()
    async def sleeper(ctx: Context, hours: int) -> None:
        await ctx.sleep(timedelta(hours=hours))
        woken.append(hours)
        await ctx.sleep(timedelta(hours=hours))
        woken.append(2 * hours)

    async with serve(service) as env:
        for hours in (5, 2, 3):
            await env.client.service_send(sleeper, hours)
        await env.advance(timedelta(hours=4.5))
        assert woken == [2, 3, 4]
        await env.advance(timedelta(hours=20))
        assert woken == [2, 3, 4, 5, 6, 10]


async def test_a_timeout_strikes_when_nobody_answers(serve: Serve) -> None:
    approvals = Workflow("Approvals")

    @approvals.main()
    async def ask(ctx: WorkflowContext) -> str:
        try:
            answer = await ctx.promise("answer", type_hint=str).value().or_timeout(7 * DAY)
        except TerminalError as error:
            return f"nobody answered: {error.status_code}"
        return f"answered: {answer}"

    @approvals.handler()
    async def answer(ctx: WorkflowSharedContext, text: str) -> None:
        await ctx.promise("answer", type_hint=str).resolve(text)

    async with serve(approvals) as env:
        silent = await env.client.workflow_send(ask, "silent", None)
        prompt = await env.client.workflow_send(ask, "prompt", None)
        await env.advance(6 * DAY)
        await env.client.workflow_call(answer, "prompt", "yes")
        await env.advance(2 * DAY)
        assert await silent.attach() == "nobody answered: 408"
        assert await prompt.attach() == "answered: yes"


async def test_back_off_passes_like_any_other_time(serve: Serve) -> None:
    policy = InvocationRetryPolicy(
        initial_interval=timedelta(hours=1), exponentiation_factor=2, max_interval=DAY
    )
    service = Service("Flaky", invocation_retry_policy=policy)
    attempts: list[int] = []

    @service.handler()
    async def flaky(ctx: Context) -> str:
        attempts.append(len(attempts))
        if len(attempts) < 4:
            raise ConnectionError("try again")
        return "at last"

    async with serve(service) as env:
        handle = await env.client.service_send(flaky, None)
        await env.settle()
        assert len(attempts) == 1
        await env.advance(timedelta(hours=4.5))  # 1 and 2, and some jitter
        assert len(attempts) == 3
        await env.advance(timedelta(hours=6))
        assert await handle.attach() == "at last"
        assert [failure.retried for failure in env.failures] == [True, True, True]


async def test_what_begins_until_the_clock_is_held_has_its_timers_set_before_time_moves(
    serve_on_postgres: ServeOnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real time goes on until then: here a handler begins in that moment, and takes its time."""
    service = Service("Sleepers")
    begun, go_on = asyncio.Event(), asyncio.Event()
    woken: list[float] = []

    @service.handler()
    async def nap(ctx: Context) -> None:
        begun.set()
        await go_on.wait()
        await ctx.sleep(timedelta(hours=1))
        woken.append(await ctx.time())

    hold, settle = Clock.hold, Harness.settle

    async def hold_late(clock: Clock, at: datetime | None = None) -> datetime:
        if not begun.is_set():
            await env.client.service_send(nap, None)
            await begun.wait()
        return await hold(clock, at)

    async def settle_once_begun(env: Harness) -> None:
        if begun.is_set():
            go_on.set()
        await settle(env)

    monkeypatch.setattr(Clock, "hold", hold_late)
    monkeypatch.setattr(Harness, "settle", settle_once_begun)
    async with serve_on_postgres(service) as env:
        began = env.now.timestamp()
        await env.advance(DAY)
        assert woken == [pytest.approx(began + 3600, abs=60)]


async def test_handlers_and_the_database_see_the_same_moved_time(serve_on_postgres: ServeOnPostgres) -> None:
    service = Service("Clock")

    @service.handler()
    async def now(ctx: Context) -> float:
        return await ctx.time()

    async with serve_on_postgres(service) as env:
        before = await env.client.service_call(now, None)
        await env.advance(365 * DAY)
        after = await env.client.service_call(now, None)
        assert after - before == pytest.approx(365 * 86400, abs=30)
        assert env.now.timestamp() == pytest.approx(after, abs=30)
        with psycopg.connect(env.dsn) as connection:
            row = connection.execute(
                "select extract(epoch from max(created_at))::float from pgdurable.sys_invocation"
            ).fetchone()
        assert row is not None
        assert row[0] == pytest.approx(after, abs=30)


async def test_time_does_not_go_back(serve: Serve) -> None:
    service = Service("Nothing")

    @service.handler()
    async def nothing(ctx: Context) -> None:
        del ctx

    async with serve(service) as env:
        with pytest.raises(ValueError, match="only moves forward"):
            await env.advance(-DAY)
        await env.client.service_call(nothing, None)


async def test_what_is_past_its_retention_goes_when_swept(serve: Serve) -> None:
    service = Service("Kept", idempotency_retention=timedelta(hours=1))
    ran: list[int] = []

    @service.handler()
    async def once(ctx: Context) -> int:
        del ctx
        ran.append(1)
        return len(ran)

    async with serve(service) as env:
        assert await env.client.service_call(once, None, idempotency_key="k") == 1
        assert await env.client.service_call(once, None, idempotency_key="k") == 1
        await env.advance(timedelta(hours=2))
        assert await env.sweep() == 1
        assert await env.client.service_call(once, None, idempotency_key="k") == 2


async def test_the_database_has_its_own_clock_back_afterwards(
    serve_on_postgres: ServeOnPostgres, dsn: str
) -> None:
    service = Service("Traveller")

    @service.handler()
    async def nothing(ctx: Context) -> None:
        del ctx

    async with serve_on_postgres(service) as env:
        await env.advance(DAY)
    with psycopg.connect(dsn) as connection:
        row = connection.execute("""
            select pgdurable_engine.clock() - clock_timestamp() < '1 minute',
                to_regnamespace('pgdurable_testing')
        """).fetchone()
    assert row == (True, None)
