"""Explicit recovery: what is tried again begins from the start, and knows by itself what was done before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgdurable import Context, ObjectContext, RunOptions, Service, VirtualObject
from pgdurable._preview import explicit_recovery
from tests.circumstances import targets
from tests.circumstances.catalogue import Failure, program
from tests.circumstances.telling import QUICK, attempt, doing, gate

if TYPE_CHECKING:
    from tests.circumstances.report import Report
    from tests.circumstances.run import Run

thing = explicit_recovery(
    VirtualObject("Recovering", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
)
service = Service("RecoveringService", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [thing, service]


def once_an_attempt(report: Report) -> None:
    """The step, and what the state says of it."""
    assert report.did["step"] == report.attempts == report.came[0]


@program(thing.handler(), did={"step": None, "called": 1}, check=once_an_attempt, replays=False)
async def begins_anew(ctx: ObjectContext, tag: str) -> list[Any]:
    """State is as the attempt before has left it. With an idempotency key a call is the same one."""
    times = (await ctx.get("times", type_hint=int) or 0) + 1
    ctx.set("times", times)
    await ctx.run_typed("step", doing, RunOptions(), tag, "step")
    called = await ctx.service_call(
        targets.effect, [tag, "called"], idempotency_key=f"{ctx.request().id} call"
    )
    await gate(ctx, tag)
    return [times, called[:6]]


async def whenever(run: Run) -> Any:
    await run.begin()
    await run.crash()
    return await run.outcome()


@program(thing.handler(), returns=3, did={"step": None}, outside=whenever, replays=False)
async def fails_and_recovers(ctx: ObjectContext, tag: str) -> int:
    times = (await ctx.get("times", type_hint=int) or 0) + 1
    ctx.set("times", times)
    await ctx.run_typed("step", doing, RunOptions(), tag, "step")
    if times < 3:
        raise ValueError("not yet")
    return times


async def send_a_signal(run: Run) -> Any:
    await run.begin()
    await run.told("gate")
    await run.post("/Echo/signal", [run.id, "word", "kept"])
    await run.crash()
    return await run.outcome()


@explicit_recovery
@program(service.handler(), returns="kept", outside=send_a_signal, replays=False)
async def signals_are_kept(ctx: Context, tag: str) -> str:
    await gate(ctx, tag)
    return await ctx.signal("word", type_hint=str)


async def cancel_it(run: Run) -> Any:
    await run.begin()
    await run.told("gate")
    await run.crash()
    run.control("cancel")
    return await run.outcome()


@program(thing.handler(), fails=Failure(409, "cancelled"), outside=cancel_it, replays=False)
async def it_can_be_cancelled(ctx: ObjectContext, tag: str) -> None:
    await gate(ctx, tag)
    await ctx.signal("never", type_hint=str)
