"""More than a process can take: it keeps within its memory, says so to whoever comes, and serves again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.watching import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.engine.conftest import Engine
    from tests.engine.processes import Process
    from tests.fixtures.postgres import Server

MEBIBYTE = 2**20
CLIENTS = 300
BODY = json.dumps("x" * MEBIBYTE).encode()
SETTINGS: dict[str, Any] = {
    "requests": 60,
    "request_bytes": 8 * MEBIBYTE,
    "requests_away": 5,
    "submit_patience": 0.5,
}
ROOM = 120 * MEBIBYTE
"""What the process may grow by: 8 MiB of bodies, each of which is there several times (as it came, as a row
for the database, as the handler has it). It is offered 300 at once, and grew by 52 where this was written."""

pytestmark = pytest.mark.slow


def memory(process: Process) -> int:
    """Bytes that it had at most."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (kibibytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kibibytes) * 1024


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


class Caller:
    """One connection with one request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, path: str, body: bytes, method: str = "POST") -> None:
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        self.write(f"{head}content-length: {len(body)}\r\n\r\n".encode())
        self.write(body)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self) -> Answer:
        """The whole of it."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split()[1]), headers, json.loads(body) if body else None)


@asynccontextmanager
async def callers(process: Process, number: int) -> AsyncGenerator[list[Caller]]:
    async with AsyncExitStack() as stack:
        found: list[Caller] = []
        for _ in range(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
            stack.callback(writer.transport.abort)
            found.append(Caller(reader, writer))
        yield found


async def ask(process: Process, path: str, body: bytes = b"1", method: str = "POST") -> Answer:
    async with callers(process, 1) as (caller,):
        caller.send(path, body, method)
        return await caller.answer()


@pytest.mark.parametrize(
    ("body", "admitted", "said"),
    [(BODY, 7, "the bodies of open requests fill the memory"), (b'"x"', 60, "60 requests are open")],
    ids=["large bodies", "many connections"],
)
async def test_a_flood_is_shed_and_passes(engine: Engine, body: bytes, admitted: int, said: str) -> None:
    process = await engine.begin("limits.py", ingress=True, settings=SETTINGS).ready()
    assert (await ask(process, "/Large/steps", b"1")).status == 200
    before = memory(process)
    for _ in range(2):
        async with callers(process, CLIENTS) as crowd:
            for caller in crowd:
                caller.send("/Large/hold", body)
            waiting = {asyncio.ensure_future(caller.answer()) for caller in crowd}
            shed: list[Answer] = []
            async with asyncio.timeout(60):
                while len(waiting) > admitted:
                    done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    shed += [task.result() for task in done]
            assert {answer.status for answer in shed} == {429}
            assert {answer.headers["retry-after"] for answer in shed} == {"1"}
            assert all(said in answer.body["message"] for answer in shed)
            await until(lambda: len(engine.database.unfinished()) == admitted, 60, "those that were let in")
            engine.database.rows(
                "select pgdurable.kill(id) from pgdurable.sys_invocation where status <> 'completed'"
            )
            answers = await asyncio.gather(*waiting)
            assert {answer.status for answer in answers} == {409}, "killed"
        assert (await ask(process, "/Large/steps", b"1")).status == 200, "it serves again"
    assert memory(process) - before < ROOM
    assert process.exit_code is None


async def test_who_connects_and_says_nothing_keeps_nobody_out(engine: Engine) -> None:
    """Nor who sends half a request: it has a place only once its head is there."""
    process = await engine.begin("limits.py", ingress=True, settings=SETTINGS).ready()
    assert (await ask(process, "/Large/steps")).status == 200
    before = memory(process)
    async with callers(process, CLIENTS) as silent, callers(process, CLIENTS) as halves:
        for caller in halves:
            caller.write(b"POST /Large/hold HTTP/1.1\r\nhost: x\r\ncontent-le")
        assert (await ask(process, "/Large/steps")).status == 200
        assert len(silent) == CLIENTS
    assert memory(process) - before < ROOM / 2


async def test_a_flood_while_postgres_is_away(engine_of_its_own: Engine, own_server: Server) -> None:
    engine = engine_of_its_own
    process = await engine.begin("limits.py", ingress=True, settings=SETTINGS).ready()
    assert (await ask(process, "/Large/steps")).status == 200
    before = memory(process)
    await asyncio.to_thread(own_server.stop)
    async with asyncio.timeout(60):
        while (await ask(process, "/restate/health", method="GET")).status != 503:
            pass  # it notices a moment later
    async with callers(process, CLIENTS) as crowd:
        for caller in crowd:
            caller.send("/Large/hold", BODY)
        answers = await asyncio.gather(*(caller.answer() for caller in crowd))
    assert {answer.status for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    said = Counter("enough requests wait" in answer.body["message"] for answer in answers)
    assert said[False] >= SETTINGS["requests_away"], "some were waited with"
    assert memory(process) - before < ROOM
    await asyncio.to_thread(own_server.start)

    async with asyncio.timeout(60):
        while (await ask(process, "/Large/steps")).status != 200:
            pass
