"""What an ingress does not take on: each bound at its last place, at itself and one beyond."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from pgdurable.ingress.app import create_app
from pgdurable.ingress.load import Bounds
from tests.unit.ingress.engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Calls = list[asyncio.Task[httpx.Response]]
BOUNDS = Bounds(body=100, headers=20, header_bytes=2000, requests=3, requests_away=2, held=150)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def client(engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(engine, bounds=BOUNDS))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as client:
        yield client


async def open_calls(client: httpx.AsyncClient, engine: FakeEngine, number: int, body: bytes = b"") -> Calls:
    """So many that wait for their results."""
    engine.hold = asyncio.Event()
    calls = [asyncio.create_task(client.post("/Greeter/greet", content=body)) for _ in range(number)]
    await engine.held(number)
    return calls


async def let_go(engine: FakeEngine, calls: Calls) -> None:
    assert engine.hold is not None
    engine.hold.set()
    assert [(await call).status_code for call in calls] == [200] * len(calls)


def shed(response: httpx.Response, status: int, said: str) -> None:
    assert response.status_code == status
    assert response.headers["retry-after"] == "1"
    assert said in response.json()["message"]
    assert "othing was accepted" in response.json()["message"]


@pytest.mark.parametrize(("size", "status"), [(99, 200), (100, 200), (101, 413)])
async def test_bodies(client: httpx.AsyncClient, size: int, status: int) -> None:
    assert (await client.post("/Greeter/greet", content=b"x" * size)).status_code == status


@pytest.mark.parametrize(("more", "status"), [(-1, 200), (0, 200), (1, 431)])
async def test_headers(client: httpx.AsyncClient, engine: FakeEngine, more: int, status: int) -> None:
    await client.post("/Greeter/greet")
    usual = len(engine.last.headers)
    headers = {f"x-{number}": "v" for number in range(BOUNDS.headers - usual + more)}
    response = await client.post("/Greeter/greet", headers=headers)
    assert response.status_code == status
    assert status == 200 or "more than 20 headers" in response.json()["message"]


@pytest.mark.parametrize(("more", "status"), [(-1, 200), (0, 200), (1, 431)])
async def test_bytes_of_headers(
    client: httpx.AsyncClient, engine: FakeEngine, more: int, status: int
) -> None:
    """With the path and the query, which a handler is given as a header."""
    path = "/Greeter/greet?a=b"
    sent = client.build_request("POST", path).headers
    usual = len(path) - 1 + sum(len(name) + len(value) for name, value in sent.raw)
    headers = {"x-pad": "v" * (BOUNDS.header_bytes - usual - len("x-pad") + more)}
    response = await client.post(path, headers=headers)
    assert response.status_code == status
    assert status == 200 or "more than 2000 bytes" in response.json()["message"]


@pytest.mark.parametrize(("size", "status"), [(8191, 404), (8192, 404), (8193, 414)])
@pytest.mark.parametrize("start", ["/", "/restate/workflow/"])
async def test_paths(client: httpx.AsyncClient, start: str, size: int, status: int) -> None:
    path = start + "x" * (size - len(start))
    if start != "/":
        status = 400 if status == 404 else status  # it names a workflow and no key
    response = await client.get(path)
    assert response.status_code == status
    assert response.json()["source"] == "ingress"


@pytest.mark.parametrize(("size", "status"), [(1023, 200), (1024, 200), (1025, 400)])
async def test_idempotency_keys(client: httpx.AsyncClient, size: int, status: int) -> None:
    response = await client.post("/Greeter/greet", headers={"idempotency-key": "k" * size})
    assert response.status_code == status
    assert status == 200 or "idempotency-key: it is longer than 1024 bytes" in response.json()["message"]


@pytest.mark.parametrize(("size", "status"), [(1023, 200), (1024, 200), (1025, 400)])
async def test_keys(client: httpx.AsyncClient, size: int, status: int) -> None:
    assert (await client.post(f"/Counter/{'k' * size}/add")).status_code == status


async def test_requests_beyond_the_bound_are_shed_and_places_come_back(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    calls = await open_calls(client, engine, 2)
    calls += await asyncio.gather(*[_opened(client, engine)])
    shed(await client.post("/Greeter/greet"), 429, "3 requests are open")
    shed(await client.post("/Greeter/greet/send"), 429, "3 requests are open")
    assert (await client.get("/restate/health")).status_code == 200
    await let_go(engine, calls)
    assert (await client.post("/Greeter/greet/send")).status_code == 202


async def _opened(client: httpx.AsyncClient, engine: FakeEngine) -> asyncio.Task[httpx.Response]:
    call = asyncio.create_task(client.post("/Greeter/greet"))
    await engine.held(1)
    return call


async def test_fewer_wait_for_a_database_that_is_away(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    calls = await open_calls(client, engine, 2)
    engine.ready = False
    shed(await client.post("/Greeter/greet/send"), 503, "the database cannot be reached")
    engine.ready = True
    assert (await client.post("/Greeter/greet/send")).status_code == 202
    await let_go(engine, calls)


async def test_long_polls_have_places_too(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    calls = await open_calls(client, engine, 3)
    shed(await client.get("/restate/workflow/Signup/k/attach"), 429, "3 requests are open")
    await let_go(engine, calls)


@pytest.mark.parametrize(("size", "status"), [(49, 202), (50, 202), (51, 429)])
async def test_bodies_of_all_together(
    client: httpx.AsyncClient, engine: FakeEngine, size: int, status: int
) -> None:
    calls = await open_calls(client, engine, 1, b"x" * 100)
    response = await client.post("/Greeter/greet/send", content=b"x" * size)
    assert response.status_code == status
    if status == 429:
        shed(response, 429, "the bodies of open requests")
    await let_go(engine, calls)
    assert (await client.post("/Greeter/greet/send", content=b"x" * 100)).status_code == 202


@pytest.mark.parametrize("path", ["/restate/attach", "/restate/output", "/restate/lookup"])
async def test_what_is_nested_too_deeply_is_refused(client: httpx.AsyncClient, path: str) -> None:
    app = create_app(FakeEngine(), bounds=Bounds())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as roomy:
        response = await roomy.post(path, content=b'{"a":' * 5000)
    assert response.status_code == 400
    assert "bad invocation target" in response.json()["message"]
