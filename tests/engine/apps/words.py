"""An object that remembers in which order it was asked, by handlers of every kind."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pgdurable
from pgdurable import ObjectContext, RetryableError, Service, TerminalError, VirtualObject
from tests.engine.ledger import VARIABLE, Ledger, note

queue = VirtualObject("Queue")
bystander = Service("Bystander")


async def append(ctx: ObjectContext, word: str) -> int:
    """How many words there are now."""
    note("begin", word=word, id=ctx.request().id, key=ctx.key())
    words = await ctx.get("words", type_hint=list[str]) or []
    ctx.set("words", [*words, word])
    note("end", word=word, id=ctx.request().id, key=ctx.key())
    return len(words) + 1


@queue.handler()
async def add(ctx: ObjectContext, word: str) -> int:
    return await append(ctx, word)


@queue.handler(enable_lazy_state=True)
async def add_lazily(ctx: ObjectContext, word: str) -> int:
    return await append(ctx, word)


@queue.handler()
async def add_after_a_step(ctx: ObjectContext, word: str) -> int:
    note("asks", word=word)

    async def step() -> str:
        note("step", word=word)
        return word

    return await append(ctx, await ctx.run_typed("step", step))


@queue.handler()
async def add_after_a_sleep(ctx: ObjectContext, word: str) -> int:
    await ctx.sleep(timedelta(milliseconds=1))
    return await append(ctx, word)


@queue.handler()
async def add_at_the_second_try(ctx: ObjectContext, word: str) -> int:
    """What the first attempt has written stands: it is journaled."""
    note("attempt", word=word)
    count = await append(ctx, word)
    if Ledger(Path(os.environ[VARIABLE])).count("attempt", word=word) == 1:
        raise RetryableError("not yet", retry_after=timedelta(milliseconds=20))
    return count


@queue.handler()
async def refuse(ctx: ObjectContext, word: str) -> int:
    await append(ctx, word)
    raise TerminalError("no", status_code=418)


@queue.handler()
async def hold(ctx: ObjectContext, word: str) -> int:
    """Keeps the key until somebody resolves what it waits for."""
    id, resolved = ctx.awakeable(type_hint=str)
    note("holds", word=word, awakeable=id, id=ctx.request().id)
    await resolved
    return await append(ctx, word)


@bystander.handler()
async def pass_by(_: pgdurable.Context) -> None:
    note("passes by")


app = pgdurable.app([queue, bystander])
