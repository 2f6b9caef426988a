"""A test harness: the engine in the test's own event loop, on a database that nobody keeps.

    from pgdurable.testing import harness

    async def test_greeting():
        async with harness([greeter]) as env:
            assert await env.client.service_call(greet, "Sarah") == "Hello Sarah"

docs/guides/testing.md is the guide.
"""

from pgdurable.testing.failures import Failure
from pgdurable.testing.harness import Harness, harness

__all__ = ["Failure", "Harness", "harness"]
