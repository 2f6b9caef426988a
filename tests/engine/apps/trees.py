"""Handlers that wait for each other, and compensate when they are cancelled."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pgdurable
from pgdurable import Context, ObjectContext, Service, TerminalError, VirtualObject
from tests.engine.ledger import note

tree = Service("Tree")
leaf = VirtualObject("Leaf")


@tree.handler()
async def grow(ctx: Context, depth: int) -> str:
    """Waits for one below, down to a leaf that sleeps for an hour."""
    id = ctx.request().id
    note("grow", id=id, depth=depth)
    try:
        if depth:
            return await ctx.service_call(grow, depth - 1)
        await ctx.object_call(rest, "leaf", 3600.0)
    except TerminalError as error:
        await ctx.run_typed("undo", undo, pgdurable.RunOptions(), id, depth, error.message)
        raise
    return "grown"


@tree.handler()
async def stubborn(ctx: Context, seconds: float) -> str:
    """Goes on after it was cancelled."""
    try:
        await ctx.sleep(timedelta(seconds=seconds))
    except TerminalError:
        return "cancelled, and done nevertheless"
    return "slept"


@tree.handler()
async def busy(ctx: Context, seconds: float) -> str:
    """In a step that takes so long."""
    id = ctx.request().id

    async def long() -> str:
        note("begin", id=id)
        try:
            await asyncio.sleep(seconds)
        finally:
            note("end", id=id)
        return "done"

    return await ctx.run_typed("long", long)


@leaf.handler()
async def rest(ctx: ObjectContext, seconds: float) -> None:
    note("rest", id=ctx.request().id)
    await ctx.sleep(timedelta(seconds=seconds))


async def undo(id: str, depth: int, message: str) -> None:
    note("undo", id=id, depth=depth, message=message)


app = pgdurable.app([tree, leaf])
