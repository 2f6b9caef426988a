"""What goes back to clients: a status, headers and a body, sent in two ASGI messages."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec
from litestar.exceptions import HTTPException
from msgspec import UNSET, Struct, UnsetType

from pgdurable.ingress import errors
from pgdurable.ingress.errors import IngressError
from pgdurable.ingress.port import (
    EngineError,
    EngineUnavailable,
    Failure,
    NotEncodable,
    Overloaded,
    PayloadTooLarge,
)

if TYPE_CHECKING:
    from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, Receive, Scope, Send

    from pgdurable.ingress.port import Accepted, Result

log = logging.getLogger("pgdurable.ingress")

_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")
ENCODED = "x-pgdurable-encoded"
"""Says of a body, either way, that it is as it is stored: encoded by the codec of the service's app."""
EXPOSED = ("idempotency-expires", ENCODED, "x-restate-error-source", "x-restate-id")
CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
]


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    async def as_asgi(self, _: Scope, __: Receive, send: Send) -> None:
        """The answer as an ASGI application, which Litestar's handlers may return."""
        await self.deliver(send)

    async def deliver(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(cast("HTTPResponseStartEvent", start))
        body = {"type": "http.response.body", "body": self.body, "more_body": False}
        await send(cast("HTTPResponseBodyEvent", body))


class ErrorBody(Struct, omit_defaults=True):
    """The JSON of an error. ``source``: whether the ingress refused, or the invocation failed."""

    code: int
    message: str
    source: str
    metadata: dict[str, str] | None = None


class SendBody(Struct, rename="camel"):
    """The JSON of a send."""

    invocation_id: str
    status: str
    execution_time: str | UnsetType = UNSET


def json_reply(status: int, body: object, *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(status, [_JSON, *headers], _encode(body))


def accepted_reply(accepted: Accepted) -> Reply:
    body = SendBody(accepted.text, "PreviouslyAccepted" if accepted.previous else "Accepted")
    if accepted.due is not None:
        body.execution_time = rfc3339(accepted.due)
    return json_reply(202, body, (b"x-restate-id", accepted.text.encode()))


def result_reply(
    result: Result, id_text: str, content_type: str | None, expires: datetime | None = None
) -> Reply:
    """An invocation's end. ``content_type`` is what its handler says it returns."""
    headers = [(b"x-restate-id", id_text.encode())]
    if expires is not None:
        headers.append((b"idempotency-expires", rfc3339(expires).encode()))
    if isinstance(result, Failure):
        return _failure_reply(result, headers)
    if result.encoded:
        headers += [(b"content-type", b"application/octet-stream"), (ENCODED.encode(), b"true")]
    elif result.value:
        shown = result.content_type or content_type
        headers.append((b"content-type", shown.encode()) if shown else _JSON)
    return Reply(200, headers, result.value)


def _failure_reply(failure: Failure, headers: list[tuple[bytes, bytes]]) -> Reply:
    # A code below 400 would make the failure look like something else.
    status = failure.code if 400 <= failure.code <= 999 else 500
    headers += [_JSON, (b"x-restate-error-source", b"invocation")]
    body = ErrorBody(failure.code, failure.message, "invocation", failure.metadata or None)
    return Reply(status, headers, _encode(body))


def error_reply(error: Exception, where: str) -> Reply:
    """The answer to any exception; those that nobody foresaw are logged and told to nobody else."""
    match error:
        case IngressError():
            refusal = error
        case EngineUnavailable():
            refusal = errors.unavailable(error)
        case Overloaded():
            refusal = IngressError(429, error.message)
        case PayloadTooLarge():
            refusal = IngressError(413, error.message)
        case NotEncodable():
            refusal = IngressError(415, error.message)
        case HTTPException():
            refusal = _of_litestar(error)
        case _:
            described = error if isinstance(error, EngineError) else type(error).__name__
            log.error("a request failed, %s: %s", where, described, exc_info=error)
            refusal = IngressError(500, "internal server error")
    body = ErrorBody(refusal.status, refusal.message, "ingress")
    return json_reply(refusal.status, body, (b"x-restate-error-source", b"ingress"), *refusal.headers)


def _of_litestar(error: HTTPException) -> IngressError:
    if error.status_code == 404:
        return errors.not_found()
    if error.status_code == 405:
        allowed = (error.headers or {}).get("allow", "")
        return errors.method_not_allowed(allowed)
    if error.status_code < 500:
        return IngressError(error.status_code, error.detail)
    log.error("a request failed: %s", error.detail, exc_info=error)
    return IngressError(500, "internal server error")


def rfc3339(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
