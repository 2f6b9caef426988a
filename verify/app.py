"""What the processes serve: the programs of tests/fuzz; registers, tallies, guest books, trouble."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

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
CHILDHOOD: Final = timedelta(seconds=0.6)
CHILDREN: Final = 60
HELD: Final = 0.2
"""Seconds for which somebody keeps a guest book."""

soon = InvocationRetryPolicy(initial_interval=timedelta(milliseconds=20), max_attempts=10_000)
register = VirtualObject("Register", invocation_retry_policy=soon)
tally = VirtualObject("Tally", invocation_retry_policy=soon)
book = VirtualObject("Book", invocation_retry_policy=soon)
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


@book.handler()
async def sign(ctx: ObjectContext, name: str) -> int:
    """Put a name into the guest book; its place there."""
    names: list[str] = await ctx.get("names", type_hint=list[str]) or []
    ctx.set("names", [*names, name])
    return len(names)


@book.handler()
async def linger_and_sign(ctx: ObjectContext, name: str) -> int:
    """Likewise, but hold the book for a step, in the midst of it."""
    names: list[str] = await ctx.get("names", type_hint=list[str]) or []
    await ctx.run_typed("linger", lambda: None)
    ctx.set("names", [*names, name])
    return len(names)


@book.handler()
async def hold_and_sign(ctx: ObjectContext, name: str) -> int:
    """Likewise, but hold it for so long that others come and wait."""
    names: list[str] = await ctx.get("names", type_hint=list[str]) or []
    await ctx.run_typed("hold", partial(asyncio.sleep, HELD))
    ctx.set("names", [*names, name])
    return len(names)


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


@trouble.handler()
async def chain(ctx: Context, order: list[Any]) -> str:
    """Steps one after the other, each of which tells the ledger what the one before came to: whoever is told
    a result that is not the journaled one has been told too early.
    """
    path, length = order
    before = ""
    for number in range(length):
        before = await ctx.run_typed(f"{path}.{number}", partial(link, path, number, before))
    return before


async def link(path: str, number: int, before: str) -> str:
    value = str(uuid4())
    note("link", path=path, number=number, saw=before, value=value)
    return value


@trouble.handler()
async def parent(ctx: Context, _: str) -> None:
    """Call children, one more with each step, so that whoever kills it comes while another one is born."""
    for number in range(CHILDREN):
        ctx.service_call(child, number)
        await ctx.run_typed("another one", lambda: None)


@trouble.handler()
async def child(ctx: Context, number: int) -> int:
    """Write something long after the call, if it lives so long."""
    await ctx.sleep(CHILDHOOD)
    return await ctx.run_typed("grown", lambda: number)


services = [*interpreter.services, register, tally, book, trouble]
app = pgdurable.app(services)
