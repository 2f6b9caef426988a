"""What the processes serve: the programs of tests/fuzz, and beside them registers, tallies and trouble."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pgdurable
from pgdurable import (
    Context,
    InvocationRetryPolicy,
    ObjectContext,
    ObjectSharedContext,
    Service,
    VirtualObject,
)
from tests.engine.ledger import VARIABLE, begin, note
from tests.fuzz import interpreter
from tests.fuzz.outside import WORLD, Files

if VARIABLE in os.environ:  # in a process that serves; the judge has a memory instead
    WORLD.outside = Files(Path(os.environ[VARIABLE]))

CRASHED = 9
"""The exit code of a process that a handler ended."""

soon = InvocationRetryPolicy(initial_interval=timedelta(milliseconds=20), max_attempts=10_000)
register = VirtualObject("Register", invocation_retry_policy=soon)
tally = VirtualObject("Tally", invocation_retry_policy=soon)
trouble = Service("Trouble", invocation_retry_policy=soon)


@register.handler()
async def write(ctx: ObjectContext, value: int) -> int | None:
    """Set the register; what was in it."""
    before = await ctx.get("value", type_hint=int)
    ctx.set("value", value)
    return before


@register.handler()
async def swap(ctx: ObjectContext, pair: list[Any]) -> bool:
    """Set the register to the second if the first is in it; whether it was."""
    expected, value = pair
    if await ctx.get("value", type_hint=int) != expected:
        return False
    ctx.set("value", value)
    return True


@register.handler(kind="shared")
async def read(ctx: ObjectSharedContext) -> int | None:
    """What is in the register."""
    return await ctx.get("value", type_hint=int)


@tally.handler()
async def add(ctx: ObjectContext, entry: str) -> int:
    """Add an entry; how many there are now."""
    entries: list[str] = await ctx.get("entries", type_hint=list[str]) or []
    ctx.set("entries", [*entries, entry])
    return len(entries) + 1


@trouble.handler()
async def crash(ctx: Context, path: str) -> str:
    """End the process, twice; a step that is journaled before is not done again."""
    await ctx.run_typed("before", lambda: note("trouble", path=path, step="before"))
    if WORLD.outside.executes(path, "crash") <= 2:
        os._exit(CRASHED)
    return "survived"


@trouble.handler()
async def block(ctx: Context, seconds: float) -> str:
    """Keep the event loop from turning."""
    await ctx.run_typed("before", lambda: None)
    time.sleep(seconds)  # noqa: ASYNC251 (that is the point)
    await ctx.run_typed("after", lambda: None)
    return "blocked"


@trouble.handler()
async def differ(ctx: Context, path: str) -> str:
    """Do one thing at odd attempts and another at even ones. Whichever was journaled first is right."""
    attempt = WORLD.outside.executes(path, "differ")
    step = ("even", "odd")[attempt % 2]
    begin("attempt at differing", path=path, attempt=attempt)
    await ctx.run_typed(step, lambda: note("trouble", path=path, step=step))
    if attempt <= 2:
        raise RuntimeError(interpreter.PLANNED)
    return "mended"


@trouble.handler()
async def linger(ctx: Context, path: str) -> str:
    """Wait for ever, outside of the engine's sight, at the first attempt."""

    async def wait() -> str:
        note("lingers", path=path)
        if WORLD.outside.executes(path, "linger") == 1:
            await asyncio.Event().wait()
        return "gone on"

    return await ctx.run_typed("linger", wait)


@trouble.handler()
async def echo(ctx: Context, text: str) -> str:
    """Say it back, after a step."""
    return await ctx.run_typed("echo", lambda: text)


services = [*interpreter.services, register, tally, trouble]
app = pgdurable.app(services)
