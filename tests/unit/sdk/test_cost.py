"""What the SDK itself costs: nine awaited steps an invocation, nothing behind the port.

    pytest -m bench -s tests/unit/sdk/test_cost.py

About 65 us on the machine this was written on (CPython 3.11), of which half is the interpreter calling
coroutines. The limit leaves room for a slow machine; it is there to notice a step that has become twice as
dear.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from pgdurable_sdk import Context, Service
from pgdurable_sdk.runtime import Execution, Start
from tests.unit.sdk.world import ID, World, returned

if TYPE_CHECKING:
    from pgdurable_sdk.journal.entries import Entry

service = Service("Cost")


async def one() -> int:
    return 1


@service.handler()
async def nine_steps(ctx: Context) -> int:
    return sum([await ctx.run_typed("step", one) for _ in range(9)])


class Nothing(World):
    """A port that keeps nothing and is never late."""

    def append(self, index: int, seen: int, entry: Entry) -> None:
        pass

    async def committed(self) -> None:
        pass


@pytest.mark.bench
async def test_nine_steps() -> None:
    world = Nothing(nine_steps)
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(1000):
            execution = Execution(world.handler, Start(id=ID, input=b""), world)
            assert await asyncio.create_task(execution.run()) == returned(9)
        best = min(best, (time.perf_counter() - started) / 1000)
    print(f"{best * 1e6:.0f} us per invocation of nine steps")  # noqa: T201
    assert best < 150e-6
