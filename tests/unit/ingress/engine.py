"""An engine behind the ingress's port: in memory, deterministic, told by the test how things end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pgdurable.ingress.port import (
    Accepted,
    Called,
    HandlerInfo,
    HandlerType,
    Pending,
    Request,
    Result,
    ServiceType,
    Success,
    Unsupported,
)
from pgdurable_sdk import ids
from pgdurable_sdk.scopes import scoped_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

NOW: Final = datetime(2024, 5, 6, 7, 8, 9, 250_000, tzinfo=UTC)
ID: Final = ids.derived_id("ik", "Fixed", None, "handler", "1")
TEXT: Final = ids.format_id(ID)


def info(
    service: str,
    handler: str,
    service_type: ServiceType = "service",
    handler_type: HandlerType = "service",
    *,
    public: bool = True,
    required: bool | None = None,
    takes: str | None = None,
    returns: str | None = None,
) -> HandlerInfo:
    """A handler as the ingress sees it."""
    return HandlerInfo(
        service=service,
        handler=handler,
        service_type=service_type,
        handler_type=handler_type,
        public=public,
        input_required=required,
        input_content_type=takes,
        output_content_type=returns,
    )


HANDLERS: Final = [
    info("Greeter", "greet"),
    info("Greeter", "hidden", public=False),
    info("Greeter", "nothing", required=False),
    info("Greeter", "json", required=True, takes="application/json"),
    info("Greeter", "maybe", required=False, takes="application/json"),
    info("Greeter", "text", required=True, takes="text/*"),
    info("Greeter", "any", required=True, takes="*/*"),
    info("Greeter", "png", returns="image/png"),
    info("Counter", "add", "virtual_object", "exclusive"),
    info("Counter", "peek", "virtual_object", "shared"),
    info("Signup", "run", "workflow", "workflow"),
    info("Signup", "status", "workflow", "shared"),
]


class FakeEngine:
    """What happened is in ``requests`` and ``completed``; what is to happen is in the other attributes."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Be as new."""
        self.ready = True
        self.handlers = {(handler.service, handler.handler): handler for handler in HANDLERS}
        self.requests: list[Request] = []
        self.completed: list[tuple[str, Result]] = []
        self.result: Result = Success(b'"hello"')
        self.error: Exception | None = None
        self.previous = False
        self.expires: datetime | None = None
        self.awakeable_known = True
        self.outputs: dict[UUID, Result | Pending | Unsupported] = {}
        self.hold: asyncio.Event | None = None
        """When set, calls and attaches wait for it."""
        self.abandoned = asyncio.Event()
        self.on_call: Callable[[], None] = lambda: None
        self._arrivals: asyncio.Queue[None] = asyncio.Queue()

    async def held(self, number: int) -> None:
        """Until so many more calls and attaches have begun to wait."""
        for _ in range(number):
            await self._arrivals.get()

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def find_service(self, name: str) -> bool:
        return any(service == name for service, _ in self.handlers)

    def find_handler(self, service: str, handler: str) -> HandlerInfo | None:
        return self.handlers.get((service, handler))

    def service_names(self) -> list[str]:
        return sorted({service for service, _ in self.handlers})

    async def send(self, request: Request) -> Accepted:
        self._take(request)
        due = None if request.delay is None else NOW + request.delay
        return Accepted(ID, TEXT, self.previous, due)

    async def call(self, request: Request) -> Called:
        self._take(request)
        self.on_call()
        await self._held()
        return Called(ID, TEXT, self.result, self.previous, self.expires)

    async def attach(self, id: UUID, *, encoded: bool = False) -> Result | Unsupported | None:
        await self._held()
        found = self.outputs.get(id)
        assert not isinstance(found, Pending), "who attaches waits until it is done"
        return found

    async def output(self, id: UUID, *, encoded: bool = False) -> Result | Pending | Unsupported | None:
        return self.outputs.get(id)

    def invocation_id(self, text: str) -> UUID:
        return ids.parse_id(text)

    def invocation_text(self, id: UUID) -> str:
        return ids.format_id(id)

    def idempotent_id(
        self, service: str, key: str | None, handler: str, idempotency_key: str, scope: str | None = None
    ) -> UUID:
        return ids.derived_id("ik", service, scoped_key(scope, key), handler, idempotency_key)

    def workflow_id(self, service: str, key: str, scope: str | None = None) -> UUID:
        return ids.derived_id("wf", service, scoped_key(scope, key), None, None)

    async def complete_awakeable(self, awakeable_id: str, result: Result, *, encoded: bool = False) -> bool:
        if not awakeable_id.startswith("sign_1"):
            raise ValueError("it should begin with 'sign_1'")
        self.completed.append((awakeable_id, result))
        return self.awakeable_known

    def _take(self, request: Request) -> None:
        if self.error is not None:
            raise self.error
        self.requests.append(request)

    async def _held(self) -> None:
        if self.hold is None:
            return
        self._arrivals.put_nowait(None)
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.abandoned.set()
            raise
