"""Handlers that take whatever comes, store it in every way there is, and give it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pgdurable
from pgdurable import (
    Context,
    InvocationRetryPolicy,
    ObjectContext,
    ObjectSharedContext,
    Service,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)

# Whatever fails for another reason than its input would be tried again for ever, and nobody would be told.
once = InvocationRetryPolicy(
    initial_interval=timedelta(milliseconds=1), max_attempts=2, on_max_attempts="kill"
)
taker = Service("Taker", invocation_retry_policy=once)
keeper = VirtualObject("Keeper", invocation_retry_policy=once)
signup = Workflow("Signup", invocation_retry_policy=once)


@dataclass
class Order:
    number: int
    lines: list[str]
    price: float = 0.0


@taker.handler()
async def echo(ctx: Context, value: Any) -> Any:
    return value


@taker.handler()
async def typed(ctx: Context, order: Order) -> Order:
    return order


@taker.handler(accept="*/*", content_type="text/plain", input_serde=pgdurable.serde.BytesSerde())
async def count(ctx: Context, data: bytes) -> int:
    return len(data)


@keeper.handler()
async def keep(ctx: ObjectContext, value: Any) -> Any:
    """In state, as the result of a step, and as the argument and the result of a call."""

    async def step() -> Any:
        return value

    ctx.set("value", value)
    stepped = await ctx.run_typed("step", step)
    called = await ctx.service_call(echo, stepped)
    ctx.set("called", called)
    return await ctx.get("value")


@keeper.handler(kind="shared")
async def kept(ctx: ObjectSharedContext) -> Any:
    return await ctx.get("value")


@signup.main()
async def run(ctx: WorkflowContext, value: Any) -> Any:
    await ctx.promise("done").resolve(value)
    return await ctx.promise("done").value()


@signup.handler()
async def peek(ctx: WorkflowSharedContext) -> Any:
    return await ctx.promise("done").peek()


app = pgdurable.app([taker, keeper, signup])
