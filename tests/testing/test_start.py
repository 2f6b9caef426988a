"""How soon a harness is there: with a server that nobody has started yet, and with one that is there.

    pytest -m bench -s tests/testing/test_start.py

1.2 to 1.4 s and 0.05 s on a machine of two cores that did some other things; of the former, half is initdb.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, time
from pgdurable import Context, Service
from pgdurable.testing import harness

service = Service("Start")

@service.handler()
async def echo(ctx: Context, word: str) -> str:
    return word

async def start() -> float:
    began = time.perf_counter()
    async with harness([service]) as env:
        took = time.perf_counter() - began
        assert await env.client.service_call(echo, "there") == "there"
    return took

async def main() -> None:
    print(await start(), await start())

asyncio.run(main())
"""


@pytest.mark.bench
def test_a_harness_is_there_in_less_than_two_seconds() -> None:
    # In a process of its own, which has no server to share.
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    first, second = map(float, ran.stdout.split())
    print(f"{first:.2f} s, and {second:.3f} s where there is a server")  # noqa: T201
    assert first < 2
    assert second < 0.5
