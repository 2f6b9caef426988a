"""What runs while the code changes: the same file in both releases, of what both have."""

from __future__ import annotations

import os
from datetime import timedelta
from uuid import uuid4

from pgdurable import Context, ObjectContext, Service, VirtualObject

LEDGER = "PGDURABLE_UPGRADE_LEDGER"

counter = VirtualObject("Counter")
errand = Service("Errand")


@counter.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    count = (await ctx.get("count", type_hint=int) or 0) + amount
    ctx.set("count", count)
    return count


@errand.handler()
async def run(ctx: Context, key: str) -> str:
    """A step, a sleep, a call to an object, another step: what the first one answered, for the ledger."""
    first = await ctx.run_typed("first", execute, name=f"{key} first")
    await ctx.sleep(timedelta(milliseconds=30))
    await ctx.object_call(add, key[-1], 1)
    second = await ctx.run_typed("second", execute, name=f"{key} second")
    return f"{first} {second}"


def execute(name: str) -> str:
    """Say so in the ledger, in one write, under a token of this execution."""
    token = uuid4().hex
    file = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{name} {token}\n".encode())
    finally:
        os.close(file)
    return token
