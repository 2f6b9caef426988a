from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pgdurable.ingress.app import create_app
from pgdurable.ingress.load import Bounds
from tests.unit.ingress.engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(scope="session")
def served() -> tuple[FakeEngine, Any]:
    """One application for all tests, as one takes Litestar 20 ms; its engine forgets between them."""
    engine = FakeEngine()
    return engine, create_app(engine, bounds=Bounds(body=1000))


@pytest.fixture
def engine(served: tuple[FakeEngine, Any]) -> FakeEngine:
    served[0].forget()
    return served[0]


@pytest.fixture
async def client(served: tuple[FakeEngine, Any], engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    """Talks to the ingress without a network. An exception that leaves it fails the test."""
    transport = httpx.ASGITransport(app=served[1])
    async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as client:
        yield client
