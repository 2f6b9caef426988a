"""Handlers that do as they are told: programs of steps, calls, sends, sleeps and state, as data.

A program is a list of commands. Each program adds to counters by calls and sends that the test can sum up.

    ["step"]                        a step, awaited
    ["slow", seconds]               a step that takes a while
    ["sleep", seconds]
    ["add", key, amount]            call a counter
    ["send", key, amount]           tell a counter, and go on
    ["later", key, amount, seconds] tell a counter after a delay
    ["child", [...]]                call a program
    ["all", [...], ...]             programs of the same handler side by side: what they await is gathered
    ["race", seconds]               the first of a step and a timer
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pgdurable
from pgdurable import Context, ObjectContext, Service, VirtualObject
from tests.engine.ledger import begin, note

Command = list[Any]

programs = Service("Programs")
counter = VirtualObject("Tally")


@programs.handler()
async def run(ctx: Context, program: list[Command]) -> list[Any]:
    """What its steps gave, in order."""
    begin("attempt", id=ctx.request().id)
    return [await perform(ctx, command, f"{number}") for number, command in enumerate(program)]


async def perform(ctx: Context, command: Command, name: str) -> Any:
    match command:
        case ["send", key, amount]:
            ctx.object_send(add, key, amount)
            return None
        case ["later", key, amount, seconds]:
            ctx.object_send(add, key, amount, send_delay=timedelta(seconds=seconds))
            return None
        case ["all", *commands]:
            futures: list[Any] = [
                future_of(ctx, inner, f"{name}.{number}") for number, inner in enumerate(commands)
            ]
            await pgdurable.gather(*futures)
            return await all_of(futures)
        case ["race", seconds]:
            step, timer = future_of(ctx, ["step"], name), ctx.sleep(timedelta(seconds=seconds))
            winner: list[Any] = await pgdurable.select(step=step, timer=timer)
            return winner[0]
        case _:
            return await future_of(ctx, command, name)


async def all_of(futures: list[Any]) -> list[Any]:
    return [await future for future in futures]


def future_of(ctx: Context, command: Command, name: str) -> Any:
    match command:
        case ["step"]:
            return ctx.run_typed(name, step, pgdurable.RunOptions(), ctx.request().id, name, 0.0)
        case ["slow", seconds]:
            return ctx.run_typed(name, step, pgdurable.RunOptions(), ctx.request().id, name, seconds)
        case ["sleep", seconds]:
            return ctx.sleep(timedelta(seconds=seconds))
        case ["add", key, amount]:
            return ctx.object_call(add, str(key), int(amount))
        case ["child", [*program]]:
            inner: list[Command] = program
            return ctx.service_call(run, inner)
        case _:
            raise pgdurable.TerminalError(f"what is {command!r}?")


async def step(id: str, name: str, seconds: float) -> str:
    value = str(uuid4())
    note("step", id=id, name=name, value=value)
    await asyncio.sleep(seconds)
    return value


@counter.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    id = ctx.request().id
    begin("begin", id=id, key=ctx.key(), amount=amount)
    count = (await ctx.get("count", type_hint=int) or 0) + amount
    await asyncio.sleep(0)
    ctx.set("count", count)
    note("end", id=id, key=ctx.key(), amount=amount)
    return count


app = pgdurable.app([programs, counter])
