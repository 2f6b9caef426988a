"""Objects with much state, of which their handlers want all, some or nothing beforehand."""

from __future__ import annotations

from typing import Any

import pgdurable
from pgdurable import ObjectContext, ObjectSharedContext, VirtualObject
from tests.engine.ledger import note

library = VirtualObject("Library", state_preload=["title", "missing"])


@library.handler(state_preload=True)
async def fill(ctx: ObjectContext, books: int) -> None:
    """Make this key large."""
    ctx.set("title", "Alexandria")
    for number in range(books):
        ctx.set(f"book-{number}", number)


@library.handler()
async def browse(ctx: ObjectContext, book: int) -> list[Any]:
    """A name that was asked for, one that was but does not exist, one that was not, and all names."""
    return await look(ctx, book)


@library.handler(kind="shared", enable_lazy_state=True)
async def browse_lazily(ctx: ObjectSharedContext, book: int) -> list[Any]:
    return await look(ctx, book)


@library.handler(kind="shared", state_preload=True)
async def browse_all(ctx: ObjectSharedContext, book: int) -> list[Any]:
    return await look(ctx, book)


async def look(ctx: ObjectSharedContext, book: int) -> list[Any]:
    return [
        await ctx.get("title"),
        await ctx.get("missing"),
        await ctx.get(f"book-{book}"),
        len(await ctx.state_keys()),
    ]


@library.handler(kind="shared")
async def reread(ctx: ObjectSharedContext) -> list[Any]:
    """Reads, and is replayed after others have written."""
    seen = [await ctx.get("title"), await ctx.get("book-1")]
    id, resolved = ctx.awakeable()
    note("waits", id=id)
    await resolved
    return seen


@library.handler(name="burn", enable_lazy_state=True)
async def burn(ctx: ObjectContext) -> list[Any]:
    """What it has cleared and written itself it does not read from the database."""
    ctx.clear_all()
    ctx.set("title", "ashes")
    return [await ctx.get("title"), await ctx.get("book-1"), await ctx.state_keys()]


app = pgdurable.app([library])
