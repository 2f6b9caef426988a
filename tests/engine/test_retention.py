"""What is completed goes when its handler, its service or the settings say; then a duplicate runs anew."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pgdurable import Context, Service, Workflow, WorkflowContext, WorkflowSharedContext
from pgdurable.testing import harness
from tests.engine.database import Database

if TYPE_CHECKING:
    from pgdurable.testing import Harness

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

kept = Service("Kept", journal_retention=timedelta(minutes=30), idempotency_retention=2 * HOUR)
signup = Workflow("Signup", journal_retention=timedelta(0))
ran: list[str] = []


@kept.handler()
async def as_the_service(ctx: Context) -> int:
    ran.append("service")
    return len(ran)


@kept.handler(journal_retention=3 * HOUR, idempotency_retention=timedelta(minutes=30))
async def as_itself(ctx: Context) -> int:
    ran.append("itself")
    return len(ran)


@kept.handler(journal_retention=timedelta(0), idempotency_retention=timedelta(0))
async def not_at_all(ctx: Context) -> int:
    ran.append("nothing")
    return len(ran)


@signup.main(workflow_retention=2 * HOUR)
async def run(ctx: WorkflowContext) -> str:
    ctx.set("email", "mary@example.com")
    await ctx.promise("verified").resolve("yes")
    return "done"


@signup.handler()
async def look(ctx: WorkflowSharedContext) -> list[str | None]:
    return [await ctx.get("email", type_hint=str), await ctx.promise("verified", type_hint=str).peek()]


async def left(env: Harness, *, after: timedelta) -> dict[str, list[int]]:
    """Journal entries of each invocation that is left, by handler."""
    await env.advance(after)
    await env.sweep()
    found: dict[str, list[int]] = {}
    database = Database(env.dsn)
    for handler, entries in database.rows(
        "select target_handler_name, journal_commands_size from sys_invocation order by created_at, uuid"
    ):
        found.setdefault(handler, []).append(entries)
    database.close()
    return found


async def test_invocations_go_as_their_handler_says_or_its_service(dsn: str) -> None:
    async with harness([kept, signup], dsn=dsn) as env:
        for handler in (as_the_service, as_itself, not_at_all):
            await env.client.service_call(handler, None)
            await env.client.service_call(handler, None, idempotency_key="once")
        # Without a key the journal's retention counts; with one the result's, which no journal outlives.
        assert await left(env, after=timedelta(minutes=1)) == {"as_the_service": [2, 2], "as_itself": [2, 2]}
        assert await left(env, after=timedelta(minutes=29)) == {"as_the_service": [1], "as_itself": [2]}
        assert await left(env, after=timedelta(minutes=90)) == {"as_itself": [2]}
        assert await left(env, after=HOUR) == {}


async def test_a_duplicate_runs_anew_after_the_retention(dsn: str) -> None:
    async with harness([kept, signup], dsn=dsn) as env:
        ran.clear()
        for _ in range(2):
            assert await env.client.service_call(as_itself, None, idempotency_key="once") == 1
        await env.advance(timedelta(minutes=30))  # nobody has swept: it does not count any more all the same
        assert await env.client.service_call(as_itself, None, idempotency_key="once") == 2
        assert [await env.client.service_call(not_at_all, None, idempotency_key="x") for _ in "ab"] == [3, 4]
        assert ran == ["itself", "itself", "nothing", "nothing"]


async def test_state_and_promises_go_with_their_workflow(dsn: str) -> None:
    async with harness([kept, signup], dsn=dsn) as env:
        assert await env.client.workflow_call(run, "mary", None) == "done"
        await env.advance(2 * HOUR - timedelta(minutes=1))
        await env.sweep()
        assert await env.client.workflow_call(look, "mary", None) == ["mary@example.com", "yes"]
        assert (await left(env, after=timedelta(0)))["run"] == [1], "its journal went before"
        assert await left(env, after=timedelta(minutes=1)) == {}
        assert await env.client.workflow_call(look, "mary", None) == [None, None]
        assert await env.client.workflow_call(run, "mary", None) == "done"


async def test_by_default_it_is_a_day(dsn: str) -> None:
    service = Service("Default")

    @service.handler()
    async def default(ctx: Context) -> None: ...

    async with harness([service], dsn=dsn) as env:
        await env.client.service_call(default, None)
        await env.client.service_call(default, None, idempotency_key="once")
        assert await left(env, after=DAY - timedelta(minutes=1)) == {"default": [2, 2]}
        assert await left(env, after=timedelta(minutes=1)) == {}
