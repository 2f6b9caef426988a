"""Handlers that fail, and what is retried of them."""

from __future__ import annotations

import time
from datetime import timedelta

import pgdurable
from pgdurable import (
    Context,
    InvocationRetryPolicy,
    ObjectContext,
    RetryableError,
    RunOptions,
    Service,
    TerminalError,
    VirtualObject,
)
from tests.engine.ledger import note

quick = InvocationRetryPolicy(
    initial_interval=timedelta(milliseconds=50),
    exponentiation_factor=2.0,
    max_interval=timedelta(milliseconds=200),
    max_attempts=5,
    on_max_attempts="pause",
)
failing = Service("Failing", invocation_retry_policy=quick)
deadly = Service(
    "Deadly",
    invocation_retry_policy=InvocationRetryPolicy(
        initial_interval=timedelta(milliseconds=10), max_attempts=3, on_max_attempts="kill"
    ),
)
slow = Service("Slow", invocation_retry_policy=InvocationRetryPolicy(initial_interval=timedelta(hours=1)))
poison = VirtualObject("Poison", invocation_retry_policy=quick)
helper = Service("Other")


@helper.handler()
async def answer(ctx: Context, value: str) -> str:
    note("answer", value=value)
    return value


def attempts_before(id: str, limit: int) -> None:
    """Fail the first ``limit`` times; the ledger keeps the count."""
    import os
    from pathlib import Path

    from tests.engine.ledger import VARIABLE, Ledger

    if Ledger(Path(os.environ[VARIABLE])).count("attempt", id=id) <= limit:
        raise ValueError("not yet")


@failing.handler()
async def after_call(ctx: Context, failures: int) -> str:
    """Calls, fails so often, and then says what the call said."""
    id = ctx.request().id
    answered = await ctx.service_call(answer, id)
    note("attempt", id=id)
    attempts_before(id, failures)
    return answered


@failing.handler()
async def always(ctx: Context) -> None:
    note("attempt", id=ctx.request().id)
    raise ValueError("never")


@failing.handler()
async def in_steps(ctx: Context, failures: int) -> str:
    """Two steps; the second fails so often."""
    id = ctx.request().id

    async def first() -> str:
        note("first", id=id)
        return "first"

    async def second() -> str:
        note("attempt", id=id)
        attempts_before(id, failures)
        return "second"

    return await ctx.run_typed("first", first) + " " + await ctx.run_typed("second", second)


@failing.handler()
async def in_limited_step(ctx: Context) -> str:
    id = ctx.request().id

    async def step() -> None:
        note("attempt", id=id)
        raise ValueError("never")

    options: RunOptions[None] = RunOptions(max_attempts=3, initial_retry_interval=timedelta(seconds=1))
    try:
        await ctx.run_typed("step", step, options)
    except TerminalError as error:
        return f"given up: {error.message}"
    return "done"


@failing.handler()
async def on_its_own_terms(ctx: Context) -> str:
    id = ctx.request().id
    note("attempt", id=id)
    try:
        attempts_before(id, 2)
    except ValueError as error:
        raise RetryableError("busy", 503, retry_after=timedelta(milliseconds=300)) from error
    return "done"


@deadly.handler()
async def dies(ctx: Context) -> None:
    note("attempt", id=ctx.request().id)
    raise ValueError("for good")


@deadly.handler()
async def drifts(ctx: Context) -> None:
    """Does something else in each attempt, and fails after it."""
    id = ctx.request().id
    note("attempt", id=id)
    await ctx.run_typed(f"step of {time.monotonic_ns()}", step)
    await ctx.run_typed("another step", step)
    raise ValueError("for good")


@slow.handler()
async def backs_off(ctx: Context) -> str:
    id = ctx.request().id
    note("attempt", id=id)
    attempts_before(id, 1)
    return "done"


@slow.handler()
async def waits(ctx: Context) -> str:
    """Fails once, and then waits for what never comes."""
    id = ctx.request().id
    note("attempt", id=id)
    attempts_before(id, 1)
    await ctx.sleep(timedelta(hours=1))
    return "done"


@poison.handler()
async def put(ctx: ObjectContext, name: str) -> str:
    """A state key that PostgreSQL may not take."""
    note("attempt", id=ctx.request().id)
    ctx.set(name, "value")
    await ctx.run_typed("step", step)
    return "done"


@poison.handler()
async def call(ctx: ObjectContext, key: str) -> str:
    note("attempt", id=ctx.request().id)
    return (await ctx.generic_call("Poison", "echo", b'"echo"', key=key)).decode()


@poison.handler()
async def complain(ctx: ObjectContext, message: str) -> None:
    note("attempt", id=ctx.request().id)
    raise ValueError(message)


@poison.handler()
async def end(ctx: ObjectContext, message: str) -> None:
    raise pgdurable.TerminalError(message)


@poison.handler()
async def echo(ctx: ObjectContext, value: str) -> str:
    return value


async def step() -> str:
    return "step"


app = pgdurable.app([failing, deadly, slow, poison, helper])
