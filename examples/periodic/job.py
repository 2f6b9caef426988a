"""Job, an object for each thing that is done again and again: it calls a handler and sends itself a tick."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pgdurable import ObjectContext, ObjectSharedContext, TerminalError, VirtualObject

job = VirtualObject("Job")


@dataclass(frozen=True)
class Plan:
    """Which handler of which service is called, with what, and how often."""

    service: str
    handler: str
    every: timedelta
    argument: Any = None


@dataclass(frozen=True)
class Running:
    """A plan at work: when it is due next, and how often it was done."""

    plan: Plan
    due: datetime
    runs: int = 0


@job.handler()
async def start(ctx: ObjectContext, plan: Plan) -> datetime:
    """Begin, an interval from now. Returns when that is. What runs is not started a second time."""
    if await state(ctx) is not None:
        raise TerminalError(f"{ctx.key()} runs already: change it, or stop it first", 409)
    return await begin(ctx, Running(plan, await now(ctx)))


@job.handler()
async def change(ctx: ObjectContext, every: timedelta) -> datetime:
    """Have another interval from now on. Returns when it is due."""
    running = await state(ctx)
    if running is None:
        raise TerminalError(f"{ctx.key()} does not run", 409)
    plan = replace(running.plan, every=every)
    return await begin(ctx, replace(running, plan=plan, due=await now(ctx)))


@job.handler()
async def stop(ctx: ObjectContext) -> int:
    """No more. Returns how often it was done."""
    running = await state(ctx)
    ctx.clear("running")
    return running.runs if running else 0


@job.handler(ingress_private=True)  # not for clients
async def tick(ctx: ObjectContext, due: datetime) -> None:
    """Do it, and send the next tick.

    A tick that was sent before a `stop` or `change` still arrives, but it is not the one that is due.
    """
    running = await state(ctx)
    if running is None or running.due != due:
        return
    plan = running.plan
    argument = b"" if plan.argument is None else msgspec.json.encode(plan.argument)
    ctx.generic_send(
        plan.service, plan.handler, argument
    )  # a message: work that is slow or fails delays no tick
    await send_tick(
        ctx, replace(running, due=following(due, plan.every, await now(ctx)), runs=running.runs + 1)
    )


@job.handler(kind="shared")
async def status(ctx: ObjectSharedContext) -> Running | None:
    """What is planned, if anything."""
    return await state(ctx)


def following(due: datetime, every: timedelta, now: datetime) -> datetime:
    """The next time after ``now``, whole intervals after ``due``.

    Not an interval after now, which would be a bit later each time. What was missed while nothing ran is left
    out.
    """
    missed = max((now - due) // every, 0)
    return due + (missed + 1) * every


async def begin(ctx: ObjectContext, running: Running) -> datetime:
    if running.plan.every <= timedelta(0):
        raise TerminalError("there has to be some time between two runs", 400)
    first = replace(running, due=running.due + running.plan.every)
    await send_tick(ctx, first)
    return first.due


async def send_tick(ctx: ObjectContext, running: Running) -> None:
    ctx.set("running", running)
    ctx.object_send(tick, key=ctx.key(), arg=running.due, send_delay=running.due - await now(ctx))


async def state(ctx: ObjectContext | ObjectSharedContext) -> Running | None:
    return await ctx.get("running", type_hint=Running)


async def now(ctx: ObjectContext) -> datetime:
    return datetime.fromtimestamp(await ctx.time(), UTC)
