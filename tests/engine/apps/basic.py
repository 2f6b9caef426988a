"""Handlers that tell the ledger what they do."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pgdurable
from pgdurable import Context, ObjectContext, ObjectSharedContext, Service, VirtualObject
from tests.engine.ledger import note

counter = VirtualObject("Counter")
greeter = Service("Greeter")


@counter.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    """Not atomic but for the engine: others would be seen between the reading and the writing."""
    id = ctx.request().id
    note("begin", id=id, key=ctx.key(), amount=amount)
    count = (await ctx.get("count", type_hint=int) or 0) + amount
    await asyncio.sleep(0)
    ctx.set("count", count)
    note("end", id=id, key=ctx.key(), amount=amount)
    return count


@counter.handler()
async def add_slowly(ctx: ObjectContext, amount: int) -> int:
    """Likewise, with a durable pause in between."""
    id = ctx.request().id
    note("begin", id=id, key=ctx.key(), amount=amount)
    count = (await ctx.get("count", type_hint=int) or 0) + amount
    await ctx.sleep(timedelta(milliseconds=10))
    ctx.set("count", count)
    note("end", id=id, key=ctx.key(), amount=amount)
    return count


@counter.handler()
async def hold(ctx: ObjectContext, seconds: float) -> None:
    note("begin", id=ctx.request().id, key=ctx.key())
    await ctx.sleep(timedelta(seconds=seconds))
    note("end", id=ctx.request().id, key=ctx.key())


@counter.handler(kind="shared")
async def get(ctx: ObjectSharedContext) -> int:
    return await ctx.get("count", type_hint=int) or 0


@greeter.handler()
async def greet(ctx: Context, name: str) -> str:
    note("greet", name=name)
    return f"Hello {name}"


@greeter.handler()
async def unique(ctx: Context, name: str) -> str:
    """A result that no second execution would give."""
    note("unique", name=name)
    return f"{name} {uuid4()}"


@greeter.handler()
async def pause(ctx: Context, seconds: float) -> str:
    """A durable sleep."""
    await ctx.sleep(timedelta(seconds=seconds))
    return "awake"


@greeter.handler()
async def doze(ctx: Context, seconds: float) -> None:
    """A step after a wait that the engine knows nothing of."""
    id = ctx.request().id
    note("begin", id=id)
    await asyncio.sleep(seconds)
    await ctx.run_typed("late", lambda: note("late", id=id))


@greeter.handler()
async def work(ctx: Context, seconds: float) -> str:
    """A step that takes so long, with a step before it."""
    id = ctx.request().id

    async def first() -> str:
        note("first", id=id)
        return str(uuid4())

    async def long() -> str:
        note("begin", id=id)
        await asyncio.sleep(seconds)
        note("end", id=id)
        return str(uuid4())

    value = await ctx.run_typed("first", first)
    await ctx.run_typed("long", long)
    return value


@greeter.handler()
async def idle(ctx: Context, seconds: float) -> str:
    """User code that only waits, as a request to a slow server does."""
    note("idle", id=ctx.request().id)
    await asyncio.sleep(seconds)
    return "done"


@greeter.handler()
async def block(ctx: Context, seconds: float) -> str:
    """What nobody should do in a coroutine."""
    note("block", id=ctx.request().id)
    time.sleep(seconds)  # noqa: ASYNC251
    return "done"


@greeter.handler()
async def delegate(ctx: Context, parts: list[dict[str, Any]]) -> list[Any]:
    """Calls others, one after the other."""
    note("delegate", id=ctx.request().id)
    results: list[Any] = []
    for part in parts:
        if (key := part.get("key")) is not None:
            call = ctx.generic_call("Counter", part["handler"], part["argument"].encode(), key=key)
        else:
            call = ctx.generic_call("Greeter", part["handler"], part["argument"].encode())
        results.append((await call).decode())
    return results


app = pgdurable.app([counter, greeter])
