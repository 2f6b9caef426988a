"""Limiter, an object for each thing that must not be used too often, and `wait_for_turn` for who uses it.

The object lets nobody wait. It says when it is whose turn, which takes a millisecond, and all it remembers is
when the next turn will be. (That is a token bucket: a burst is how far the next turn may lag behind the
clock.) Whoever has a turn sleeps until then, which costs a row in a table of timers.
"""

from dataclasses import dataclass
from datetime import timedelta

from pgdurable import Context, ObjectContext, ObjectSharedContext, TerminalError, VirtualObject

limiter = VirtualObject("Limiter")

TURN_HOLDS_SECONDS = 1.0


@dataclass(frozen=True)
class Limit:
    """So many turns a second, and so many at once when there were none for a while."""

    per_second: float = 5.0
    burst: int = 1


async def wait_for_turn(ctx: Context, name: str) -> None:
    """Return when this handler may use ``name``. Those who ask first are first."""
    while True:
        turn = await ctx.object_call(take_turn, key=name, arg=None)
        await ctx.sleep(timedelta(seconds=max(0.0, turn - await ctx.time())))
        if await ctx.time() < turn + TURN_HOLDS_SECONDS:
            return
        # It went by while nothing ran here. To take it now, with all others that did, would be a stampede.


@limiter.handler("takeTurn")
async def take_turn(ctx: ObjectContext) -> float:
    """The next turn, in seconds since 1970. Fair, as handlers of one key run in the order of the calls."""
    limit = await ctx.get("limit", type_hint=Limit) or Limit()
    interval = 1 / limit.per_second
    earliest = await ctx.time() - (limit.burst - 1) * interval
    turn = max(earliest, await ctx.get("next", type_hint=float) or 0.0)
    ctx.set("next", turn + interval)
    return turn


@limiter.handler()
async def configure(ctx: ObjectContext, limit: Limit) -> None:
    """For those who ask from now on."""
    if limit.per_second <= 0 or limit.burst < 1:
        raise TerminalError("there has to be a turn now and then: per_second > 0, burst >= 1", 400)
    ctx.set("limit", limit)


@limiter.handler(kind="shared")
async def queue(ctx: ObjectSharedContext) -> int:
    """How many wait for their turn."""
    limit = await ctx.get("limit", type_hint=Limit) or Limit()
    seconds = (await ctx.get("next", type_hint=float) or 0.0) - await ctx.time()
    return max(0, round(seconds * limit.per_second))
