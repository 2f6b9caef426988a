"""The real server: Granian, in this test's event loop, over TCP."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import uvloop

from pgdurable.ingress.app import create_app
from pgdurable.ingress.load import Bounds
from pgdurable.ingress.port import Success
from pgdurable.ingress.server import IngressServer
from tests.unit.ingress.engine import ID, TEXT, FakeEngine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from pgdurable.ingress.app import Ingress


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def app(engine: FakeEngine) -> Ingress:
    return create_app(engine, bounds=Bounds(body=100_000), patience=0)


@asynccontextmanager
async def running(app: Ingress, drain: float = 5.0) -> AsyncGenerator[IngressServer]:
    server = IngressServer(app, "127.0.0.1", 0, drain=drain)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def talking(server: IngressServer) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
        yield client


async def raw(server: IngressServer, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    return reader, writer


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_requests_run_in_the_loop_that_started_it(
    app: Ingress, engine: FakeEngine, make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def call() -> list[object]:
        async with running(app) as server, talking(server) as client:
            assert (await client.post("/Greeter/greet", json="x")).text == '"hello"'
        return [threading.get_ident(), asyncio.get_running_loop()]

    engine.on_call = lambda: seen.extend([threading.get_ident(), asyncio.get_running_loop()])
    seen: list[object] = []
    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert runner.run(call()) == seen


async def test_keys_and_bodies_arrive_as_they_were_sent(app: Ingress, engine: FakeEngine) -> None:
    async with running(app) as server, talking(server) as client:
        body = bytes(range(256)) * 300
        assert (await client.post("/Counter/a%2Fb%20%E2%82%AC/add?x=1", content=body)).status_code == 200
        assert (engine.last.key, engine.last.body) == ("a/b €", body)
        assert dict(engine.last.headers)["x-restate-ingress-path"] == "/Counter/a%2Fb%20%E2%82%AC/add?x=1"
        assert (await client.get("/Greeter/greet")).status_code == 200
        assert engine.last.body == b""
        assert (await client.post("/Counter/%FF/add")).status_code == 400
        assert (await client.post("/Greeter/greet", headers={b"x-a": "é".encode()})).status_code == 400
        assert (await client.get("/restate/health")).json()["services"] == engine.service_names()


async def test_a_chunked_body(app: Ingress, engine: FakeEngine) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 5_000

    async with running(app) as server, talking(server) as client:
        assert (await client.post("/Greeter/greet", content=chunks())).status_code == 200
        assert len(engine.last.body) == 50_000


async def test_a_body_that_is_too_large(app: Ingress, engine: FakeEngine) -> None:
    head = b"POST /Greeter/greet HTTP/1.1\r\nhost: x\r\n"
    async with running(app) as server:
        reader, writer = await raw(server, head + b"content-length: 100001\r\n\r\n")
        assert b" 413 " in await reader.readline()
        writer.close()
        chunk = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
        reader, writer = await raw(server, head + b"transfer-encoding: chunked\r\n\r\n" + chunk * 11)
        assert b" 413 " in await reader.readline()
        writer.close()
    assert not engine.requests


async def test_http_2_without_tls(app: Ingress) -> None:
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    async with running(app) as server:
        reader, writer = await raw(server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
        frame = await reader.readexactly(9)
        assert frame[3] == 4  # the server's settings: it speaks HTTP/2
        writer.close()


async def test_a_port_in_use(app: Ingress) -> None:
    async with running(app) as first:
        second = IngressServer(app, "127.0.0.1", first.port)
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{first.port}") as caught:
            await second.start()
        assert caught.value.errno == errno.EADDRINUSE
        await second.stop()


async def test_a_host_that_is_not_ours(app: Ingress) -> None:
    server = IngressServer(app, "192.0.2.1", 0)
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1:0"):
        await server.start()


async def test_the_port_is_free_again_at_once(app: Ingress) -> None:
    async with running(app) as server, talking(server) as client:
        await client.get("/restate/health")
    again = IngressServer(app, "127.0.0.1", server.port)
    await again.start()
    async with talking(again) as client:
        assert (await client.get("/restate/health")).status_code == 200
    await again.stop()


async def test_it_starts_and_stops_any_number_of_times(app: Ingress) -> None:
    server = IngressServer(app, "127.0.0.1", 0)
    await server.stop()
    for _ in range(2):
        await server.start()
        await server.start()
        await server.stop()
        await server.stop()


@pytest.mark.parametrize(
    "line",
    [
        b"POST /Greeter/greet HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n1",
        b"POST /Greeter/greet HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        b"GET /Greeter/greet HTTP/1.1\r\nhost: x\r\n\r\n",
        f"GET /restate/attach/{TEXT} HTTP/1.1\r\nhost: x\r\n\r\n".encode(),
    ],
)
async def test_who_hangs_up_stops_waiting(app: Ingress, engine: FakeEngine, line: bytes) -> None:
    engine.hold = asyncio.Event()
    async with running(app) as server:
        _, writer = await raw(server, line)
        await engine.held(1)
        assert len(app.waits) == 1
        writer.close()
        await engine.abandoned.wait()
    assert len(app.waits) == 0


async def test_who_stays_gets_the_answer(app: Ingress, engine: FakeEngine) -> None:
    engine.hold = asyncio.Event()
    async with running(app) as server, talking(server) as client:
        request = asyncio.create_task(client.post("/Greeter/greet", json=1))
        await engine.held(1)
        engine.hold.set()
        assert (await request).text == '"hello"'
        assert (await client.post("/Greeter/greet", json=1)).text == '"hello"'
    assert not engine.abandoned.is_set()
    assert len(app.waits) == 0


async def test_nothing_is_left_of_requests(app: Ingress) -> None:
    async with running(app) as server, talking(server) as client:
        for _ in range(20):
            await client.post("/Greeter/greet", json=1)
        before = len(asyncio.all_tasks())
        for _ in range(20):
            await client.post("/Greeter/greet", json=1)
        assert len(asyncio.all_tasks()) <= before


async def test_stopping_lets_open_requests_finish(app: Ingress, engine: FakeEngine) -> None:
    engine.hold = asyncio.Event()
    server = IngressServer(app, "127.0.0.1", 0, drain=30)
    await server.start()
    async with talking(server) as client:
        request = asyncio.create_task(client.post("/Greeter/greet", json=1))
        await engine.held(1)
        stopping = asyncio.create_task(server.stop())
        await _refuses(server)
        assert not stopping.done()
        engine.hold.set()
        response = await request
        assert (response.status_code, response.text) == (200, '"hello"')
        await stopping


async def test_stopping_answers_who_waits_too_long(app: Ingress, engine: FakeEngine) -> None:
    engine.hold = asyncio.Event()
    engine.outputs[ID] = Success(b"1")
    server = IngressServer(app, "127.0.0.1", 0, drain=0)
    await server.start()
    async with talking(server) as client:
        call = asyncio.create_task(client.post("/Greeter/greet", json=1))
        attach = asyncio.create_task(client.get(f"/restate/attach/{TEXT}"))
        await engine.held(2)
        await server.stop()
        for response in await asyncio.gather(call, attach):
            assert response.status_code == 503
            assert "The invocation goes on" in response.json()["message"]
            assert response.headers["retry-after"] == "1"
    assert len(app.waits) == 0


async def test_stopping_closes_idle_connections(app: Ingress) -> None:
    server = IngressServer(app, "127.0.0.1", 0, drain=30)
    await server.start()
    reader, writer = await raw(server, b"GET /restate/health HTTP/1.1\r\nhost: x\r\n\r\n")
    assert b" 200 " in await reader.readline()
    await server.stop()
    await reader.read()  # to its end: the server has closed it
    writer.close()


async def _refuses(server: IngressServer) -> None:
    """Until nobody listens any more."""
    while True:
        with socket.socket() as probe:
            probe.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(probe, ("127.0.0.1", server.port))
            except ConnectionRefusedError:
                return
