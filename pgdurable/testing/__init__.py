"""A test harness: the engine in the test's own event loop, on a database that nobody keeps, or in memory.

    from pgdurable.testing import harness

    async def test_greeting():
        async with harness([greeter]) as env:
            assert await env.client.service_call(greet, "Sarah") == "Hello Sarah"

docs/guides/testing.md is the guide.
"""

from pgdurable.testing.database_harness import Harness, harness
from pgdurable.testing.failures import Failure
from pgdurable.testing.memory_harness import InMemoryHarness, in_memory
from pgdurable.testing.settings import SETTINGS

__all__ = ["SETTINGS", "Failure", "Harness", "InMemoryHarness", "harness", "in_memory"]
