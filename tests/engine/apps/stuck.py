"""Handlers that get nowhere: they wait for what never comes, outside of the engine's sight."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pgdurable
from pgdurable import Context, InvocationRetryPolicy, Service
from tests.engine.ledger import note

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SOON = timedelta(milliseconds=200)


@asynccontextmanager
async def noting() -> AsyncGenerator[None]:
    note("entered")
    try:
        yield
    finally:
        note("left")


stuck = Service(
    "Stuck",
    inactivity_timeout=SOON,
    abort_timeout=SOON,
    invocation_retry_policy=InvocationRetryPolicy(initial_interval=timedelta(milliseconds=10)),
    invocation_context_managers=[noting],
)


def first_attempt(ctx: Any) -> bool:
    import os
    from pathlib import Path

    from tests.engine.ledger import VARIABLE, Ledger

    note("attempt", id=ctx.request().id)
    return Ledger(Path(os.environ[VARIABLE])).count("attempt", id=ctx.request().id) == 1


async def answer() -> str:
    note("answer")
    return "answer"


@stuck.handler()
async def forever(ctx: Context) -> str:
    """At the first attempt it awaits what is nothing of ours."""
    answered = await ctx.run_typed("answer", answer)
    if first_attempt(ctx):
        await asyncio.Event().wait()
    return answered


@stuck.handler()
async def in_a_step(ctx: Context) -> str:
    first = first_attempt(ctx)

    async def step() -> str:
        if first:
            await asyncio.Event().wait()
        return "done"

    return await ctx.run_typed("long", step)


@stuck.handler()
async def in_a_thread(ctx: Context) -> str:
    first = first_attempt(ctx)

    def step() -> str:
        if first:
            threading.Event().wait(5)
            note("thread ends")
        return "done"

    return await ctx.run_typed("blocking", step)


@stuck.handler()
def plain(ctx: Any) -> str:
    if first_attempt(ctx):
        threading.Event().wait(1)
        note("thread goes on")
        try:
            ctx.run("too late", lambda: note("too late"))
        finally:
            note("thread ends")
    return "done"


@stuck.handler()
async def stubborn(ctx: Context) -> str:
    """Catches everything, as no handler should."""
    while first_attempt(ctx):
        try:
            await asyncio.Event().wait()
        except BaseException as error:  # noqa: BLE001
            note("caught", error=type(error).__name__)
            await asyncio.sleep(0.5)
    note("second")
    return await ctx.run_typed("answer", answer)


@stuck.handler()
async def swallower(ctx: Context) -> str:
    """Does not let itself be suspended, the first time."""
    if first_attempt(ctx):
        while True:
            with suppress(BaseException):
                await ctx.sleep(timedelta(hours=1))
    await ctx.sleep(timedelta(0))
    return "done"


@stuck.handler()
async def busy(ctx: Context, steps: int) -> str:
    """Takes longer than both timeouts together, and gets on all the time."""
    first_attempt(ctx)

    async def step() -> None:
        await asyncio.sleep(0.1)

    for _ in range(steps):
        await ctx.run_typed("step", step)
    return "done"


@stuck.handler(abort_timeout=timedelta(hours=1))
async def patient(ctx: Context) -> str:
    """Of a handler that is allowed to take long."""
    first_attempt(ctx)

    async def step() -> str:
        await asyncio.sleep(1)
        return "done"

    return await ctx.run_typed("long", step)


@stuck.handler()
async def waiting(ctx: Context) -> str:
    """Waits for the engine: it is suspended, and not aborted."""
    first_attempt(ctx)
    await ctx.sleep(timedelta(seconds=1))
    return "done"


app = pgdurable.app([stuck])
