"""A client that shows, with the error of an invocation, where its handler raised it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pgdurable.client.client import Client
from pgdurable.client.errors import InvocationFailed

if TYPE_CHECKING:
    from pgdurable.client.backend import Backend
    from pgdurable.client.driving import AsyncPerformer
    from pgdurable.client.steps import Steps
    from pgdurable.testing.failures import Failures

R = TypeVar("R")


class TestClient(Client):
    """The usual client, in a harness."""

    __test__ = False  # for pytest: it only has the name of one

    def __init__(self, backend: Backend, performer: AsyncPerformer, failures: Failures) -> None:
        super().__init__(backend, performer)
        self._failures = failures

    async def run(self, steps: Steps[R]) -> R:
        """Carry out an operation."""
        try:
            return await super().run(steps)
        except InvocationFailed as error:
            cause = self._failures.saying(error.message)
            if cause is None:
                raise
            raise error from cause
