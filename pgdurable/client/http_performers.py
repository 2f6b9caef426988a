"""Carry out the steps of `over_http` with httpx: in an event loop, and blocking."""

from __future__ import annotations

import asyncio
from time import sleep
from typing import TYPE_CHECKING, Any, Final, assert_never

import httpx

from pgdurable.client.steps import Exchange, Pause, Resolve, Response, Unanswered

if TYPE_CHECKING:
    from pgdurable.client.steps import Step

CONNECT_SECONDS: Final = 10.0
NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

HttpStep = Exchange | Pause | Resolve


class AsyncHttp:
    """``tls``: some address is of https. Otherwise certificates are not read, which would take 22 ms."""

    def __init__(self, size: int, *, tls: bool) -> None:
        self._client = httpx.AsyncClient(limits=_limits(size), verify=tls)

    async def open(self) -> None:
        """Nothing to do: connections are made when they are needed."""

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def perform(self, step: Step[Any]) -> Any:
        """The answer to a step."""
        assert isinstance(step, HttpStep), step
        match step:
            case Exchange(method, url, headers, body, seconds):
                try:
                    async with asyncio.timeout(seconds):
                        answer = await self._client.request(
                            method, url, headers=headers, content=body, timeout=_timeout(None)
                        )
                except httpx.TransportError as error:
                    raise _unanswered(error) from error
                return _response(answer)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Resolve(make):
                return await make()
            case _:
                assert_never(step)


class SyncHttp:
    """As `AsyncHttp`, blocking. May be used from several threads."""

    def __init__(self, size: int, *, tls: bool) -> None:
        self._client = httpx.Client(limits=_limits(size), verify=tls)

    def open(self) -> None:
        """Nothing to do: connections are made when they are needed."""

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def perform(self, step: Step[Any]) -> Any:
        """The answer to a step."""
        assert isinstance(step, HttpStep), step
        match step:
            case Exchange(method, url, headers, body, seconds):
                try:
                    answer = self._client.request(
                        method, url, headers=headers, content=body, timeout=_timeout(seconds)
                    )
                except httpx.ReadTimeout as error:
                    raise TimeoutError(str(error)) from error
                except httpx.TransportError as error:
                    raise _unanswered(error) from error
                return _response(answer)
            case Pause(seconds):
                sleep(seconds)
            case Resolve(make):
                return asyncio.run(make())
            case _:
                assert_never(step)


def _timeout(seconds: float | None) -> httpx.Timeout:
    """An answer may take as long as its invocation does."""
    return httpx.Timeout(None, connect=CONNECT_SECONDS, read=seconds)


def _limits(size: int) -> httpx.Limits:
    """A call has a connection for as long as it waits, so only the number of idle ones is limited."""
    return httpx.Limits(max_connections=None, max_keepalive_connections=size)


def _unanswered(error: httpx.TransportError) -> Unanswered:
    return Unanswered(str(error) or type(error).__name__, sent=not isinstance(error, NEVER_SENT))


def _response(answer: httpx.Response) -> Response:
    after = answer.headers.get("retry-after", "")
    return Response(answer.status_code, answer.content, float(after) if after.isdigit() else None)
