"""Clients of the ingresses: they try again elsewhere, with the same idempotency key, until answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec

from pgdurable.ingress.port import Failure, Success

if TYPE_CHECKING:
    from random import Random

SEND_TIMEOUT: Final = 5.0
CALL_TIMEOUT: Final = 8.0
PAUSE: Final = 0.1
PASSING: Final = frozenset({404, 429, 503})
"""Statuses after which one tries again. 404: this ingress has not heard of the service yet."""


@dataclass
class Counts:
    """How it went."""

    answered: int = 0
    again: int = 0
    """How often a request was tried again."""


@dataclass
class Caller:
    """Of some ingresses, by their ports."""

    ports: list[int]
    luck: Random
    counts: Counts = field(default_factory=Counts)
    acknowledged: dict[str, str] = field(default_factory=dict[str, str])
    """Ids of invocations, by what was asked for: ``service/key/handler/idempotency key``."""

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._http = httpx.AsyncClient(limits=limits, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, service: str, handler: str, argument: Any = None, *, key: str | None = None) -> str:
        """The id of a new invocation, once it is acknowledged. The argument is a task, whose path is the
        idempotency key.
        """
        once = None if service == "Flow" else argument.path
        return await self.begin(service, handler, argument, key=key, once=once)

    async def begin(
        self,
        service: str,
        handler: str,
        argument: Any,
        *,
        key: str | None = None,
        once: str | None = None,
        delay: float = 0.0,
    ) -> str:
        """Likewise, with everything that can be said. Raises AssertionError where two answers differ."""
        path = "/".join(part for part in (service, key, handler, "send") if part is not None)
        query = f"?delay={round(delay * 1000)}ms" if delay else ""
        answer = await self._until_answered(path + query, argument, once, SEND_TIMEOUT)
        id: str = msgspec.json.decode(answer.content)["invocationId"]
        known = self.acknowledged.setdefault(f"{path}/{once or key}", id)
        assert known == id, f"I2: {path} with {once or key} is {known} and {id}"
        return id

    async def call(
        self, service: str, handler: str, argument: Any, *, key: str | None, once: str | None
    ) -> bytes:
        """The result, as it came."""
        path = "/".join(part for part in (service, key, handler) if part is not None)
        answer = await self._until_answered(path, argument, once, CALL_TIMEOUT)
        assert answer.status_code == 200, answer.text
        return answer.content

    async def attach(self, id: str) -> tuple[int, bytes]:
        """The status and the result of an invocation, waited for."""
        path = f"restate/invocation/{id}/attach"
        answer = await self._until_answered(path, None, None, CALL_TIMEOUT, failures=True)
        return answer.status_code, answer.content

    async def complete_awakeable(self, id: str, said: Success | Failure) -> None:
        """Resolve it, or reject it."""
        match said:
            case Success(value):
                path, body = f"restate/awakeables/{id}/resolve", value
            case Failure(code, message):
                path, body = f"restate/awakeables/{id}/reject?code={code}", message.encode()
        await self._until_answered(path, msgspec.Raw(body), None, SEND_TIMEOUT)

    async def _until_answered(
        self, path: str, argument: Any, once: str | None, seconds: float, *, failures: bool = False
    ) -> httpx.Response:
        headers = {"idempotency-key": once} if once is not None else {}
        method = "GET" if path.endswith("/attach") else "POST"
        body = bytes(argument) if isinstance(argument, msgspec.Raw) else msgspec.json.encode(argument)
        if argument is None:
            body = b""
        elif not isinstance(argument, msgspec.Raw):
            headers["content-type"] = "application/json"
        while True:
            port = self.luck.choice(self.ports)
            try:
                async with asyncio.timeout(seconds):
                    answer = await self._http.request(
                        method,
                        f"http://127.0.0.1:{port}/{path}",
                        content=body or None,
                        headers=headers,
                        timeout=seconds,
                    )
            except (httpx.HTTPError, TimeoutError):
                pass
            else:
                of_handler = failures and "x-restate-id" in answer.headers
                if of_handler or answer.status_code not in PASSING:
                    assert answer.status_code < 300 or of_handler, (
                        f"{path}: {answer.status_code} {answer.text}"
                    )
                    self.counts.answered += 1
                    return answer
            self.counts.again += 1
            await asyncio.sleep(PAUSE)
