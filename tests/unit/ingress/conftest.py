from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pgdurable.ingress import create_app
from tests.unit.ingress.engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def client(engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    """Talks to the ingress without a network. An exception that reaches it fails the test."""
    app: Any = create_app(engine, body_limit=1000)  # typed by Litestar, where httpx has looser types
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as client:
        yield client
