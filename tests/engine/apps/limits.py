"""Handlers that want much."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pgdurable
from pgdurable import Context, InvocationRetryPolicy, ObjectContext, Service, VirtualObject
from tests.engine.ledger import note

few = InvocationRetryPolicy(initial_interval=timedelta(milliseconds=10), max_attempts=2)
kill = InvocationRetryPolicy(
    initial_interval=timedelta(milliseconds=10), max_attempts=2, on_max_attempts="kill"
)
large = Service("Large", invocation_retry_policy=few)
keyed = VirtualObject("Keyed", invocation_retry_policy=few)


@large.handler()
async def steps(ctx: Context, number: int) -> int:
    note("attempt", id=ctx.request().id)
    for step in range(number):
        await ctx.run_typed(f"step {step}", int)
    return number


@large.handler()
async def result(ctx: Context, size: int) -> int:
    """A step with a result of so many bytes, two of which are its quotes."""
    await ctx.run_typed("step", lambda: "x" * (size - 2))
    return size


@large.handler()
async def hold(ctx: Context, text: str) -> int:
    """Until it is killed."""
    await ctx.sleep(timedelta(hours=1))
    return len(text)


@large.handler()
async def calls(ctx: Context, number: int) -> int:
    futures = [ctx.service_call(steps, 1) for _ in range(number)]
    for future in futures:
        await future
    return number


@large.handler(invocation_retry_policy=kill)
async def odd(ctx: Context, what: str) -> Any:
    if what == "surrogate":
        return "\ud800"
    if what == "nan":
        return float("nan")
    if what == "big":
        return 2**80
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


@keyed.handler()
async def put(ctx: ObjectContext, size: int) -> str:
    ctx.set("n" * size, "value")
    return "done"


@keyed.handler()
async def echo(ctx: ObjectContext, value: str) -> str:
    return value


app = pgdurable.app([large, keyed])
