"""The services that the tests of the client call: one of each kind, and handlers of every shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pgdurable
from pgdurable import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    Service,
    SyncContext,
    TerminalError,
    VirtualObject,
    Workflow,
    WorkflowContext,
)
from pgdurable_sdk.serde import BytesSerde

greeter = Service("Greeter")
counter = VirtualObject("Counter")
signup = Workflow("Signup")


@dataclass
class Order:
    item: str
    count: int


@greeter.handler()
async def greet(ctx: Context, name: str) -> str:
    return f"Hello {name}"


@greeter.handler()
async def order(ctx: Context, order: Order) -> Order:
    return Order(order.item, order.count * 2)


@greeter.handler()
async def headers(ctx: Context) -> dict[str, str]:
    """No argument."""
    return ctx.request().headers


@greeter.handler()
async def where(ctx: Context) -> list[str | None]:
    """Its scope and its limit key."""
    return [ctx.request().scope, ctx.request().limit_key]


@greeter.handler()
async def fail(ctx: Context, code: int) -> str:
    raise TerminalError("it cannot be", code, {"reason": "full"})


@greeter.handler(
    accept="image/*",
    content_type="image/png",
    input_serde=BytesSerde(),
    output_serde=BytesSerde(),
)
async def turn(ctx: Context, picture: bytes) -> bytes:
    return picture[::-1]


@greeter.handler(ingress_private=True)
async def whisper(ctx: Context, name: str) -> str:
    return f"psst {name}"


@greeter.handler()
async def flaky(ctx: Context) -> None:
    raise RuntimeError("not now")


@greeter.handler()
async def nap(ctx: Context, seconds: float) -> str:
    await ctx.sleep(timedelta(seconds=seconds))
    return "awake"


@counter.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    count = (await ctx.get("count", type_hint=int) or 0) + amount
    ctx.set("count", count)
    return count


@counter.handler()
def add_plainly(ctx: SyncContext, amount: int) -> int:
    count = (ctx.get("count", type_hint=int) or 0) + amount
    ctx.set("count", count)
    return count


@counter.handler()
async def hold(ctx: ObjectContext) -> str:
    """Has the key until somebody outside resolves what it shows as its state."""
    id, answer = ctx.awakeable(type_hint=str)
    ctx.set("awakeable", id)
    value = await answer
    ctx.clear("awakeable")
    return value


@counter.handler(kind="shared")
async def get(ctx: ObjectSharedContext) -> int:
    return await ctx.get("count", type_hint=int) or 0


@signup.main()
async def run(ctx: WorkflowContext, name: str) -> str:
    ctx.set("name", name)
    email = await ctx.promise("email", type_hint=str)
    return f"{name} <{email}>"


app = pgdurable.app([greeter, counter, signup])
