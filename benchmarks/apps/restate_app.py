"""The workloads' handlers for Restate. Line by line the same as pgdurable_app.py, but for the imports."""

# This runs in the environment that the suite makes for Restate; the project's own does not have the SDK,
# so the type checkers see every name of it as unknown.
# mypy: disable-error-code="import-not-found", allow-untyped-decorators
# pyright: basic, reportMissingImports=false

import restate
from restate import Context, Service

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


app = restate.app(services=[bench])
