"""One application in several releases: what it does depends on the one that the process was started as."""

from __future__ import annotations

import os
from datetime import timedelta

import pgdurable
from pgdurable import Context, InvocationRetryPolicy, Service
from tests.engine.ledger import note
from tests.engine.processes import RELEASE

release = os.environ[RELEASE]
order = Service(
    "Order", invocation_retry_policy=InvocationRetryPolicy(initial_interval=timedelta(milliseconds=50))
)


async def here() -> str:
    return release


async def wait(ctx: Context) -> None:
    """Until somebody resolves what the ledger names."""
    name, future = ctx.awakeable()
    note("waits", id=ctx.request().id, awakeable=name)
    await future


@order.handler()
async def ship(ctx: Context) -> str:
    packed = await ctx.run_typed("pack", here)
    await wait(ctx)
    return f"packed by {packed}, shipped by {release}"


@order.handler()
async def change(ctx: Context) -> str:
    """Takes another step in each release."""
    await ctx.run_typed(f"as in {release}", here)
    await wait(ctx)
    return release


@order.handler()
async def stroll(ctx: Context, steps: int) -> list[str]:
    """Who took the steps, one after the other."""
    walked: list[str] = []
    for _ in range(steps):
        walked.append(await ctx.run_typed("step", here))
        await ctx.sleep(timedelta(milliseconds=10))
    return walked


app = pgdurable.app([order])
