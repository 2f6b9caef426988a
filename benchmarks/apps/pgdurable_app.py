"""The workloads' handlers for pgdurable. Line by line the same as restate_app.py, but for the imports."""

from pgdurable import Context, Service

bench = Service("Bench")


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
