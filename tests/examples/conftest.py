"""The examples as their users meet them: served over HTTP, on a database, with worlds outside that write into
the test's folder.

`serve` starts one in this process. That they survive a `kill -9` is what the transcripts of their READMEs
show, in tests/docs.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from pgdurable.node import Address, Node
from tests.engine.watching import until
from tests.fixtures.postgres import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator
    from pathlib import Path

    from pgdurable import App


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"[{code}] {message}")
        self.code = code
        self.message = message


@contextmanager
def refused(code: int, part: str) -> Generator[None]:
    """What is done here is answered with this code and a message with this in it."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.code == code
    assert part in caught.value.message


class Served:
    """An app, and what clients ask of it."""

    def __init__(self, dsn: str, url: str) -> None:
        self._dsn = dsn
        self._http = httpx.AsyncClient(base_url=url, timeout=60)

    async def call(self, path: str, argument: Any = None, **headers: str) -> Any:
        """The result of a handler. Raises :exc:`Refused`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {} if argument is None else {"json": argument}
        return result(await self._http.post(f"/{path}", headers=given, **body))

    async def send(self, path: str, argument: Any = None, **headers: str) -> str:
        """The id of a new invocation."""
        answer = await self.call(f"{path}/send", argument, **headers)
        return str(answer["invocationId"])

    async def attach(self, id: str) -> Any:
        """The result of an invocation, or of a workflow (``Signup/ann``), waited for."""
        what = "workflow" if "/" in id else "invocation"
        return result(await self._http.get(f"/restate/{what}/{id}/attach"))

    async def becomes(self, path: str, expected: Any) -> None:
        """Until a handler answers this."""

        async def ask() -> Any:
            return await self.call(path)

        seen = await ask()
        while seen != expected:  # the test's own timeout is the limit
            seen = await ask()

    async def resolve(self, awakeable: str, value: Any) -> None:
        (await self._http.post(f"/restate/awakeables/{awakeable}/resolve", json=value)).raise_for_status()

    async def reject(self, awakeable: str, message: str) -> None:
        (await self._http.post(f"/restate/awakeables/{awakeable}/reject", content=message)).raise_for_status()

    async def cancel(self, id: str) -> None:
        await self.query("select pgdurable.cancel(%s)", id)

    async def query(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows, from the views."""
        async with await psycopg.AsyncConnection.connect(
            self._dsn, autocommit=True, options="-c search_path=pgdurable,public"
        ) as connection:
            return await (await connection.execute(statement.encode(), arguments or None)).fetchall()

    async def close(self) -> None:
        await self._http.aclose()


def result(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise Refused(answer.json()["code"], answer.json()["message"])
    return answer.json() if answer.content else None


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """A database, asked for in a way that does not make these tests of all versions of PostgreSQL: what is
    tested are the examples.
    """
    dsn: str = request.getfixturevalue("dsn")
    return dsn


@pytest.fixture
async def serve(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[App], Awaitable[Served]]]:
    """Serves an app until the test ends."""
    monkeypatch.chdir(tmp_path)  # where the worlds outside write

    async with AsyncExitStack() as stack:

        async def start(app: App) -> Served:
            address = Address("127.0.0.1", free_port())
            node = Node(database, services=app.services, ingress=address)
            await node.start()
            stack.push_async_callback(node.stop)
            served = Served(database, f"http://{address.host}:{address.port}")
            stack.push_async_callback(served.close)
            await until(lambda: node.gateway.ready, 60, "the app is served")
            return served

        yield start
