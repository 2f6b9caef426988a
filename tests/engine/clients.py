"""A client of the engine: a node without services, in the test's own process, and what it is asked to do."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from pgdurable.config import Settings
from pgdurable.ingress import port
from pgdurable.node import Node
from tests.engine.watching import LOOK_AGAIN, until

if TYPE_CHECKING:
    from datetime import timedelta


class Failed(Exception):
    """The invocation failed for good."""

    def __init__(self, failure: port.Failure) -> None:
        super().__init__(f"[{failure.code}] {failure.message}")
        self.code = failure.code
        self.message = failure.message


class Client:
    """Calls and sends by name: ``await client.call("Counter", "add", 1, key="a")``."""

    def __init__(self, dsn: str, listen_dsn: str | None = None, **settings: Any) -> None:
        self.node = Node(dsn, listen_dsn=listen_dsn, settings=Settings(**settings))
        self._started = False

    async def start(self) -> Client:
        self._started = True
        await self.node.start()
        return self

    async def stop(self) -> None:
        if self._started:
            self._started = False
            await self.node.stop()

    async def call(
        self,
        service: str,
        handler: str,
        argument: Any = None,
        *,
        key: str | None = None,
        once: str | None = None,
    ) -> Any:
        """The result. ``once`` is an idempotency key. Raises :exc:`Failed`."""
        request = await self._request(service, handler, argument, key, once, None)
        return value_of((await self.node.gateway.call(request)).result)

    async def send(
        self,
        service: str,
        handler: str,
        argument: Any = None,
        *,
        key: str | None = None,
        once: str | None = None,
        delay: timedelta | None = None,
    ) -> str:
        """The id of the new invocation."""
        request = await self._request(service, handler, argument, key, once, delay)
        return (await self.node.gateway.send(request)).text

    async def attach(self, id: str) -> Any:
        """The result of an invocation, waited for."""
        result = await self.node.gateway.attach(self.node.gateway.invocation_id(id))
        assert isinstance(result, port.Success | port.Failure), f"{id} has no result: {result}"
        return value_of(result)

    async def complete_awakeable(self, id: str, said: port.Success | port.Failure) -> None:
        """Resolve it, or reject it: again where nobody knows whether it was done, which is safe."""
        async with asyncio.timeout(60):
            while True:
                with suppress(port.EngineUnavailable):
                    await self.node.gateway.complete_awakeable(id, said)
                    return
                await asyncio.sleep(LOOK_AGAIN)

    async def _request(
        self,
        service: str,
        handler: str,
        argument: Any,
        key: str | None,
        once: str | None,
        delay: timedelta | None,
    ) -> port.Request:
        info = self.node.gateway.find_handler(service, handler)
        if info is None:
            info = await until(
                lambda: self.node.gateway.find_handler(service, handler), 60, f"{service}/{handler} is known"
            )
        assert info is not None
        return port.Request(
            info=info,
            key=key,
            body=b"" if argument is None else msgspec.json.encode(argument),
            headers=[],
            idempotency_key=once,
            delay=delay,
            traceparent=None,
        )


def value_of(result: port.Result) -> Any:
    match result:
        case port.Success(value):
            return msgspec.json.decode(value) if value else None
        case port.Failure():
            raise Failed(result)
