"""The workloads' handlers for Restate: line by line those of pgdurable_app.py, but for imports and end."""

# This runs in the environment that the suite makes for Restate; the project's own does not have the SDK,
# so the type checkers see every name of it as unknown.
# mypy: disable-error-code="import-not-found", allow-untyped-decorators
# pyright: basic, reportMissingImports=false

import time
from datetime import timedelta

import restate
from restate import Context, ObjectContext, Service, VirtualObject, gather

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


app = restate.app(services=[bench, counter])
