"""Whom programs call, send to and wait for. In a process of their own where that is the circumstance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.json import decode, encode

import pgdurable
from pgdurable import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    Service,
    TerminalError,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from tests.circumstances.telling import QUICK, doing, tell

echo = Service("Echo", invocation_retry_policy=QUICK)
counter = VirtualObject("Counter", invocation_retry_policy=QUICK)
once_only = Workflow("OnceOnly", invocation_retry_policy=QUICK)


@echo.handler()
async def say(ctx: Context, words: Any) -> Any:
    said: Any = words
    return said


@echo.handler()
async def headers(ctx: Context) -> dict[str, str]:
    return ctx.request().headers


@echo.handler()
async def where(ctx: Context) -> list[str | None]:
    """What it knows of itself: its key, which a service has not, its scope, limit key, and a header."""
    request = ctx.request()
    return [None, request.scope, request.limit_key, request.headers.get("color")]


@echo.handler()
async def effect(ctx: Context, request: list[str]) -> str:
    """A step, told to the ledger as ``[tag, what]``. No two executions give the same result."""
    tag, what = request
    await ctx.run_typed(what, doing, pgdurable.RunOptions(), tag, what)
    return f"{what} {ctx.uuid()}"


@echo.handler()
async def fail(ctx: Context, message: str) -> None:
    raise TerminalError(message, 418)


@echo.handler()
async def rest(ctx: Context, seconds: float) -> str:
    await ctx.sleep(timedelta(seconds=seconds))
    return "rested"


@echo.handler()
async def hold(ctx: Context, tag: str) -> str:
    """Waits for the signal ``release``, after telling its id as ``held``. Tells if it is cancelled."""
    try:
        await ctx.run_typed("tell", tell, pgdurable.RunOptions(), tag, "held", ctx.request().id)
        value: str = await ctx.signal("release", type_hint=str)
    except TerminalError as error:
        await ctx.run_typed("note", doing, pgdurable.RunOptions(), tag, f"held: {error.message}")
        raise
    return value


@echo.handler()
async def stubborn(ctx: Context, tag: str) -> str:
    """As `hold`, but a cancellation does not impress it."""
    await ctx.run_typed("tell", tell, pgdurable.RunOptions(), tag, "held", ctx.request().id)
    released = ctx.signal("release", type_hint=str)
    try:
        return await released
    except TerminalError:
        return await released


@echo.handler()
async def chain(ctx: Context, request: list[Any]) -> str:
    """Calls itself so many times, and at the end `hold`."""
    tag, depth = request
    below = ("hold", tag) if depth == 0 else ("chain", [tag, depth - 1])
    try:
        return decode(await ctx.generic_call("Echo", below[0], encode(below[1])), type=str)
    except TerminalError as error:
        await ctx.run_typed("note", doing, pgdurable.RunOptions(), tag, f"{depth}: {error.message}")
        raise


@echo.handler()
async def resolve(ctx: Context, request: list[Any]) -> None:
    """``[id, value]``: resolve an awakeable."""
    id, value = request
    ctx.resolve_awakeable(id, value)


@echo.handler()
async def reject(ctx: Context, request: list[Any]) -> None:
    """``[id, message, code]``: reject an awakeable."""
    id, message, code = request
    ctx.reject_awakeable(id, message, code)


@echo.handler()
async def signal(ctx: Context, request: list[Any]) -> None:
    """``[invocation, name, *values]``: send signals, one after the other."""
    id, name, *values = request
    for value in values:
        ctx.resolve_signal(id, name, value)


@echo.handler()
async def refuse(ctx: Context, request: list[Any]) -> None:
    """``[invocation, name, message, code]``: send a failure as signal."""
    id, name, message, code = request
    ctx.reject_signal(id, name, message, code)


@echo.handler()
async def once(ctx: Context, request: list[str]) -> str:
    """``[tag, idempotency key]``: call `effect` with it."""
    tag, idempotency_key = request
    return await ctx.service_call(effect, [tag, "shared"], idempotency_key=idempotency_key)


@counter.handler()
async def append(ctx: ObjectContext, what: Any) -> list[Any]:
    items = await ctx.get("items", type_hint=list[Any]) or []
    ctx.set("items", [*items, what])
    return [*items, what]


@counter.handler(kind="shared")
async def items(ctx: ObjectSharedContext) -> list[Any]:
    return await ctx.get("items", type_hint=list[Any]) or []


@counter.handler()
async def occupy(ctx: ObjectContext, tag: str) -> str:
    """Holds the key until the signal ``release``."""
    await ctx.run_typed("tell", tell, pgdurable.RunOptions(), tag, "held", ctx.request().id)
    value: str = await ctx.signal("release", type_hint=str)
    return value


@once_only.main()
async def run_once(ctx: WorkflowContext) -> list[str | None]:
    return [ctx.request().scope, ctx.key()]


@once_only.handler()
async def ask(ctx: WorkflowSharedContext) -> str | None:
    return ctx.request().scope


SERVICES: list[Service | VirtualObject | Workflow] = [echo, counter, once_only]
