"""What is outside of the agents of the guide: the world that their tools look at."""

from __future__ import annotations

import asyncio

from tests.engine.ledger import note

CITIES = ("Rome", "Oslo")


async def look_at(city: str) -> str:
    """Takes long enough in Oslo for somebody to pull the plug."""
    note("tool", city=city)
    await asyncio.sleep(0.5 if city == "Oslo" else 0)
    return f"sunny in {city}"
