"""The workloads' handlers for pgdurable: line by line those of restate_app.py, but for imports and end."""

import time
from datetime import timedelta

from pgdurable import Context, ObjectContext, Service, VirtualObject, gather

bench = Service("Bench")
counter = VirtualObject("Counter")
asleep: dict[str, float] = {}
lateness: list[float] = []
most_asleep = 0


async def step() -> int:
    """Do nothing, durably."""
    return 1


@bench.handler()
async def echo(ctx: Context, message: str) -> str:
    """Return the argument: what an invocation costs when the handler costs nothing."""
    return message


@bench.handler()
async def steps9(ctx: Context, start: int) -> int:
    """Nine steps, each awaited before the next is begun."""
    total = start
    for number in range(9):
        total += await ctx.run_typed(f"step-{number}", step)
    return total


@bench.handler()
async def chain9(ctx: Context, start: int) -> int:
    """Nine calls of another handler, each awaited before the next is made."""
    total = start
    for _ in range(9):
        total = await ctx.service_call(increment, total)
    return total


@bench.handler()
async def increment(ctx: Context, number: int) -> int:
    """What chain9 and fan_out call."""
    return number + 1


@bench.handler()
async def fan_out(ctx: Context, width: int) -> int:
    """Calls made all at once, and awaited together."""
    calls = [ctx.service_call(increment, number) for number in range(width)]
    await gather(*calls)
    return sum([await call for call in calls])


@bench.handler()
async def sleeper(ctx: Context, seconds: int) -> None:
    """Sleep, and note how much too long. This process sees all of it, also if it is suspended meanwhile."""
    global most_asleep
    id = str(ctx.uuid())
    begun = asleep.setdefault(id, time.monotonic())
    most_asleep = max(most_asleep, len(asleep))
    await ctx.sleep(timedelta(seconds=seconds))
    lateness.append(time.monotonic() - begun - seconds)
    asleep.pop(id, None)


@bench.handler("lateness")
async def tell_lateness(ctx: Context, ignored: int) -> dict[str, float]:
    """What the sleepers noted, in milliseconds."""
    late = sorted(lateness) or [0.0]
    p50, p99 = (late[int(len(late) * share)] * 1000 for share in (0.5, 0.99))
    return {"slept": len(lateness), "most": most_asleep, "p50_ms": p50, "p99_ms": p99}


@counter.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    """Read and write the state of a key."""
    total = (await ctx.get("total", type_hint=int) or 0) + amount
    ctx.set("total", total)
    return total


# -- what growth is measured with, of pgdurable alone ------------------------------------------------------


@bench.handler()
async def steps(ctx: Context, count: int) -> int:
    """Steps, each awaited before the next is begun."""
    return sum([await ctx.run_typed(f"step-{number}", step) for number in range(count)])


@bench.handler(inactivity_timeout=timedelta(0))
async def doze(ctx: Context, seconds: int) -> None:
    """Sleep, and be suspended at once."""
    await ctx.sleep(timedelta(seconds=seconds))


@bench.handler()
async def sleep_until(ctx: Context, awake_at: float) -> None:
    """Sleep until a moment in Unix time, however long that is."""
    now = await ctx.run_typed("now", time.time)
    await ctx.sleep(timedelta(seconds=max(0.0, awake_at - now)))


@counter.handler()
async def hold(ctx: ObjectContext, seconds: int) -> None:
    """Keep the key."""
    await ctx.sleep(timedelta(seconds=seconds))
