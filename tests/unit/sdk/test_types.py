"""What type checkers say of a handler's calls. They check this file; running it adds little."""

from __future__ import annotations

from typing import Any, assert_type

from pgdurable_sdk import (
    CallFuture,
    Context,
    ObjectContext,
    RunOptions,
    Service,
    SyncContext,
    VirtualObject,
    WorkflowContext,
)

service = Service("Typed")
thing = VirtualObject("Thing")


@service.handler()
async def greet(ctx: Context, name: str) -> int:
    return len(name)


@thing.handler()
async def reserve(ctx: ObjectContext) -> bool:
    return True


@thing.handler()
def release(ctx: SyncContext, count: int) -> str:
    return "x" * count


def plain(a: int) -> str:
    return str(a)


async def coroutine(a: int, b: str = "") -> list[str]:
    return [b] * a


async def calls(ctx: Context) -> None:
    assert_type(ctx.service_call(greet, "Ada"), CallFuture[int])
    assert_type(await ctx.service_call(greet, arg="Ada"), int)
    assert_type(await ctx.object_call(reserve, key="2B", arg=None), bool)
    assert_type(await ctx.object_call(release, key="2B", arg=3), str)
    assert_type(await ctx.generic_call("S", "h", b""), bytes)
    ctx.object_send(release, "2B", arg=3)
    ctx.service_send(greet, arg="Ada")


async def steps(ctx: Context) -> None:
    assert_type(await ctx.run_typed("a", coroutine, RunOptions(), 1, b="b"), list[str])
    assert_type(await ctx.run_typed("a", plain, RunOptions(), 1), str)
    assert_type(await ctx.run("a", lambda: plain(1)), str)
    assert_type(await ctx.time(), float)


async def values(ctx: WorkflowContext) -> None:
    assert_type(await ctx.get("a", type_hint=int), int | None)
    assert_type(await ctx.get("a"), Any | None)
    assert_type(await ctx.promise("p", type_hint=str).value(), str)
    assert_type(ctx.awakeable(type_hint=bool)[0], str)
    assert_type(await ctx.awakeable(type_hint=bool)[1], bool)


def test_handlers_are_typed() -> None:
    assert plain(1) == "1"
