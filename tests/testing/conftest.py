"""Tests of the harness use it as its users do: on the database of the test run, and in memory."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pgdurable.testing import harness, in_memory

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from pgdurable.loader import Definition
    from pgdurable.testing import Harness, InMemoryHarness


class Serve(Protocol):
    """Either of them: what is tested with this is true of both."""

    def __call__(
        self, *services: Definition, **options: Any
    ) -> AbstractAsyncContextManager[Harness | InMemoryHarness]: ...


class ServeOnPostgres(Protocol):
    def __call__(self, *services: Definition, **options: Any) -> AbstractAsyncContextManager[Harness]: ...


@pytest.fixture
def serve_on_postgres(dsn: str) -> ServeOnPostgres:
    """A harness on a database of one's own, on the server that was chosen for this run."""

    @asynccontextmanager
    async def served(*services: Definition, **options: Any) -> AsyncGenerator[Harness]:
        async with harness(services, dsn=dsn, **options) as env:
            yield env

    return served


@pytest.fixture
def serve_in_memory() -> Serve:
    @asynccontextmanager
    async def served(*services: Definition, **options: Any) -> AsyncGenerator[InMemoryHarness]:
        async with in_memory(services, **options) as env:
            yield env

    return served


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.pg), "memory"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """A harness on a database, or in memory: once each."""
    served: Serve = request.getfixturevalue(
        "serve_on_postgres" if request.param == "postgres" else "serve_in_memory"
    )
    return served
