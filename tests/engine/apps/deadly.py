"""Handlers that take their process with them, and others that run beside them."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
from datetime import timedelta

import pgdurable
from pgdurable import Context, InvocationRetryPolicy, ObjectContext, Service, VirtualObject
from tests.engine.ledger import note

four = InvocationRetryPolicy(
    initial_interval=timedelta(milliseconds=50), max_attempts=4, on_max_attempts="pause"
)
deadly = Service("Deadly", invocation_retry_policy=four)
lane = VirtualObject("Lane", invocation_retry_policy=four)


def die(how: str) -> None:
    match how:
        case "exit":
            os._exit(7)
        case "segfault":
            ctypes.string_at(0)
        case "out of memory":
            os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does it
        case _:
            raise AssertionError(how)


@deadly.handler()
async def dies(ctx: Context, how: str) -> None:
    note("attempt", id=ctx.request().id)
    die(how)


@deadly.handler()
async def dies_in_a_step(ctx: Context, how: str) -> None:
    """Something is journaled before, and the step is in a thread."""
    await ctx.run_typed("first", before)
    note("attempt", id=ctx.request().id)
    await ctx.run_typed("second", die, how=how)


def before() -> None:
    note("first")


@deadly.handler()
async def hoards(ctx: Context) -> None:
    """Wants more memory than there may be."""
    note("attempt", id=ctx.request().id)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 28, before[1]))
    try:
        bytearray(1 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@deadly.handler()
async def works(ctx: Context, seconds: float) -> str:
    """A neighbour in a long step, without anything in its journal yet."""
    id = ctx.request().id

    async def step() -> str:
        note("begin", id=id)
        await asyncio.sleep(seconds)
        return "done"

    return await ctx.run_typed("work", step)


@lane.handler()
async def follow(ctx: ObjectContext, how: str) -> str:
    note("attempt", id=ctx.request().id)
    if how:
        die(how)
    return "done"


app = pgdurable.app([deadly, lane])
