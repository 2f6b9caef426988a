"""The workloads' handlers for DBOS, as workflows and steps, called from within their process."""

# This runs in the environment that the suite makes for DBOS; the project's own does not have it,
# so the type checkers see every name of it as unknown.
# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-return"
# pyright: basic, reportMissingImports=false

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from dbos import DBOS
from loop import Result, closed_loop, serve, summary

PORT, DATABASE = int(sys.argv[1]), sys.argv[2]
SLEEP_SECONDS = 5

# The defaults, but for what it would say on the console about every workflow.
DBOS(config={"name": "bench", "system_database_url": DATABASE, "log_level": "ERROR"})


@DBOS.step()
async def step() -> int:
    """Do nothing, durably."""
    return 1


@DBOS.workflow()
async def echo(message: str) -> str:
    """Return the argument."""
    return message


@DBOS.workflow()
async def steps9(start: int) -> int:
    """Nine steps, each awaited before the next is begun."""
    total = start
    for _ in range(9):
        total += await step()
    return total


@DBOS.workflow()
async def chain9(start: int) -> int:
    """Nine calls of another workflow, each awaited before the next is made."""
    total = start
    for _ in range(9):
        total = await increment(total)
    return total


@DBOS.workflow()
async def increment(number: int) -> int:
    """What chain9 and fan_out call."""
    return number + 1


@DBOS.workflow()
async def fan_out(width: int) -> int:
    """Calls made all at once, and awaited together."""
    handles = [await DBOS.start_workflow_async(increment, number) for number in range(width)]
    return sum(await asyncio.gather(*(handle.get_result() for handle in handles)))


@DBOS.workflow()
async def sleeper(seconds: int) -> float:
    """Sleep, and say how much too long."""
    begun = time.monotonic()
    await DBOS.sleep_async(seconds)
    return time.monotonic() - begun - seconds


async def send() -> bool:
    """Start a workflow without waiting for it."""
    await DBOS.start_workflow_async(echo, "hello")
    return True


def answers(
    workflow: Callable[..., Awaitable[object]], argument: object, right: object
) -> Callable[[], Awaitable[bool]]:
    """A request to call ``workflow``, whose result is known."""

    async def request() -> bool:
        return await workflow(argument) == right

    return request


REQUESTS: dict[str, Callable[[], Awaitable[bool]]] = {
    "echo": answers(echo, "hello", "hello"),
    "steps9": answers(steps9, 100, 109),
    "chain9": answers(chain9, 100, 109),
    "fanout": answers(fan_out, 100, 5050),
    "send": send,
}


async def measure(workload: str, clients: int, seconds: float) -> Result:
    """Of sleepers there are ``clients``; they begin one after the other, over the time of a sleep."""
    if workload != "sleepers":
        return await closed_loop(REQUESTS[workload], clients, seconds)
    begun = time.perf_counter()

    async def one(number: int) -> float:
        await asyncio.sleep(number / clients * SLEEP_SECONDS)
        return await sleeper(SLEEP_SECONDS)

    late = await asyncio.gather(*(one(number) for number in range(clients)))
    return summary(time.perf_counter() - begun, list(late), 0)


async def main() -> None:
    """Serve the suite."""
    DBOS.launch()
    await serve(PORT, measure)


asyncio.run(main())
