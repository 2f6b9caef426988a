"""Many shops at the end of bad telephone lines. Each call of one is a line in calls.txt.

What a shop has, how long it takes to count it, and whether it fails depend on its name alone.
"""

import asyncio
import os
import random
from pathlib import Path

from pgdurable import TerminalError

CALLS = Path("calls.txt")
SLOWEST = float(os.environ.get("SHOP_SECONDS", "2"))

called: dict[str, int] = {}


def names(number: int) -> list[str]:
    return [f"shop-{n}" for n in range(1, number + 1)]


async def ask(shop: str) -> int:
    """How many items it has. Raises TerminalError if it is closed for good."""
    nature = random.Random(shop)
    called[shop] = called.get(shop, 0) + 1
    await asyncio.sleep(nature.uniform(0, SLOWEST))
    closed, bad_line = nature.random() < 0.03, nature.random() < 0.1
    if closed:
        raise TerminalError(f"{shop} has closed down")
    if bad_line and called[shop] == 1:
        raise ConnectionError(f"the line to {shop} is bad")
    write(f"{shop} was asked\n")
    return nature.randint(0, 100)


def write(line: str) -> None:
    with CALLS.open("a") as calls:
        calls.write(line)
