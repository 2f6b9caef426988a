"""Tests of the harness use it as its users do, on the database of the test run."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pgdurable.testing import harness

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from pgdurable.loader import Definition
    from pgdurable.testing import Harness


class Serve(Protocol):
    def __call__(self, *services: Definition, **options: Any) -> AbstractAsyncContextManager[Harness]: ...


@pytest.fixture
def serve(dsn: str) -> Serve:
    """A harness on a database of one's own, on the server that was chosen for this run."""

    @asynccontextmanager
    async def served(*services: Definition, **options: Any) -> AsyncGenerator[Harness]:
        async with harness(services, dsn=dsn, **options) as env:
            yield env

    return served
