"""Stocktaking: asks a hundred shops what they have, all at once, and adds up what they answer."""

from dataclasses import dataclass, field

import pgdurable
from pgdurable import Context, DurableFuture, RunOptions, Service, TerminalError, as_completed, gather

from . import shops

stocktaking = Service("Stocktaking")

AT_A_TIME = 10
THREE_TIMES = RunOptions[int](max_attempts=3)


@dataclass
class Count:
    """What was found, and where it could not be."""

    items: int = 0
    shops: int = 0
    failed: dict[str, str] = field(default_factory=dict[str, str])


@stocktaking.handler("countAll")
async def count_all(ctx: Context, number: int) -> Count:
    """Call `count` for each shop: an invocation of its own each, on any worker, with retries of its own."""
    names = shops.names(number)
    return await counted({name: ctx.service_call(count, name) for name in names})


@stocktaking.handler()
async def count(ctx: Context, shop: str) -> int:
    """Ask one shop. Lines are bad, so it is tried three times before it counts as failed."""
    return await ctx.run_typed("ask", shops.ask, THREE_TIMES, shop)


@stocktaking.handler("countInChunks")
async def count_in_chunks(ctx: Context, number: int) -> Count:
    """The same with a tenth of the invocations, added up in the order in which they finish."""
    names = shops.names(number)
    chunks = [names[start : start + AT_A_TIME] for start in range(0, number, AT_A_TIME)]
    total = Count()
    async for chunk in as_completed(*(ctx.service_call(count_chunk, names) for names in chunks)):
        found = await chunk
        total.items += found.items
        total.shops += found.shops
        total.failed |= found.failed
    return total


@stocktaking.handler("countChunk")
async def count_chunk(ctx: Context, names: list[str]) -> Count:
    """Ask some shops at once, each in a step. Who has answered is not asked again with the others."""
    return await counted({name: ctx.run_typed(name, shops.ask, THREE_TIMES, name) for name in names})


async def counted(asked: dict[str, DurableFuture[int]]) -> Count:
    """Wait for all, well or badly: a shop that fails is not the end of the stocktaking."""
    await gather(*asked.values())
    total = Count()
    for name, answer in asked.items():
        try:
            total.items += await answer
            total.shops += 1
        except TerminalError as error:
            total.failed[name] = error.message
    return total


app = pgdurable.app([stocktaking])
