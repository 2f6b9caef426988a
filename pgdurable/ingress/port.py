"""What the ingress needs of an engine, and nothing else of it: records, errors and one protocol.

The engine raises the errors below; whatever else it raises is a bug, which clients see as a plain 500.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

from msgspec import Struct

ServiceType: TypeAlias = Literal["service", "virtual_object", "workflow"]
HandlerType: TypeAlias = Literal["service", "exclusive", "shared", "workflow"]


class HandlerInfo(Struct, frozen=True, kw_only=True):
    """A handler as the ingress sees it."""

    service: str
    handler: str
    service_type: ServiceType
    handler_type: HandlerType
    public: bool
    input_required: bool | None = None
    """None: nothing is known about its input, so nothing is checked."""
    input_content_type: str | None = None
    """A pattern: ``application/json``, ``text/*``, ``*/*``. None (and not required): it takes no input."""
    output_content_type: str | None = None
    """None: ``application/json``."""
    encoded: bool = False
    """Its values are encoded by its app's codec, here or by clients themselves."""


class Request(Struct, kw_only=True):
    """One call or send, checked."""

    info: HandlerInfo
    key: str | None
    body: bytes
    headers: list[tuple[str, str]]
    idempotency_key: str | None
    delay: timedelta | None
    traceparent: str | None
    encoded: bool = False
    """The client has encoded the body and will decode the result."""
    scope: str | None = None
    limit_key: str | None = None


class Success(Struct):
    """An invocation's result."""

    value: bytes
    content_type: str | None = None
    """None: as its handler says where the ingress knows the handler, else ``application/json``."""
    encoded: bool = False
    """It is as it is stored: encoded by a codec that clients have to know."""


class Failure(Struct):
    """How an invocation failed for good."""

    code: int
    message: str
    metadata: dict[str, str] | None = None


Result: TypeAlias = Success | Failure


class Accepted(Struct):
    """A send is durable; ``previous``: it was already, this one added nothing."""

    id: UUID
    text: str
    previous: bool
    due: datetime | None


class Called(Struct):
    """A call has ended; ``expires``: until when the same idempotency key gets the same result."""

    id: UUID
    text: str
    result: Result
    previous: bool
    expires: datetime | None


class Pending(Struct):
    """The invocation exists and goes on."""


class Unsupported(Struct):
    """The invocation exists, but one like it (no workflow, no idempotency key) keeps no result."""


class EngineError(Exception):
    """An answer of the engine that is neither a result nor a bug."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class EngineUnavailable(EngineError):
    """The database is away, or the engine is stopping: 503. Try again after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: float = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(EngineError):
    """Too much is under way: 429."""


class PayloadTooLarge(EngineError):
    """The engine stores no request that large: 413."""


class NotEncodable(EngineError):
    """The service's values are encoded, and this process cannot do it: 415."""


class Engine(Protocol):
    """The engine. What is not ``async`` answers from memory."""

    @property
    def ready(self) -> bool:
        """Whether requests can be taken."""
        ...

    def find_service(self, name: str) -> bool:
        """Whether anybody announced such a service."""
        ...

    def service_names(self) -> list[str]:
        """All of them."""
        ...

    def find_handler(self, service: str, handler: str) -> HandlerInfo | None:
        """The handler, of the service's latest version."""
        ...

    async def send(self, request: Request) -> Accepted:
        """Make an invocation durable; do not wait for its end."""
        ...

    async def call(self, request: Request) -> Called:
        """Make an invocation durable and wait for its end. Cancelling this gives up waiting, nothing else."""
        ...

    async def attach(self, id: UUID, *, encoded: bool = False) -> Result | Unsupported | None:
        """Wait for the end of an invocation. None: there is none. ``encoded``: give its result as stored."""
        ...

    async def output(self, id: UUID, *, encoded: bool = False) -> Result | Pending | Unsupported | None:
        """The result as far as there is one. None: there is no such invocation. ``encoded``: as above."""
        ...

    def invocation_id(self, text: str) -> UUID:
        """Read ``inv_1...``. Raises ValueError, which says what is wrong with it."""
        ...

    def invocation_text(self, id: UUID) -> str:
        """Write ``inv_1...``."""
        ...

    def idempotent_id(
        self, service: str, key: str | None, handler: str, idempotency_key: str, scope: str | None = None
    ) -> UUID:
        """The id that such an invocation has, or would have."""
        ...

    def workflow_id(self, service: str, key: str, scope: str | None = None) -> UUID:
        """The id that such a run has, or would have."""
        ...

    async def complete_awakeable(self, awakeable_id: str, result: Result, *, encoded: bool = False) -> bool:
        """Resolve or reject it. ``encoded``: the value is as it is to be stored.

        False: no such invocation. Raises ValueError if that is no awakeable's id.
        """
        ...
