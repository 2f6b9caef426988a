"""Calls and sends: the path of nearly every request, so plain ASGI, and nothing on it that is not needed.

It stands beside Litestar, not in it: a Litestar route sees a path only decoded, a mount at ``/`` hides all
other routes, and either costs 5 microseconds of the 29 that a call takes in the loop's thread, Granian's 14
included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pgdurable import refusals
from pgdurable.ingress import errors
from pgdurable.ingress.body import read_body
from pgdurable.ingress.delay import parse_delay
from pgdurable.ingress.inputs import check_input, is_encoded
from pgdurable.ingress.paths import find_target, raw_path, segments
from pgdurable.ingress.port import Request
from pgdurable.ingress.replies import CORS, ENCODED, accepted_reply, error_reply, result_reply
from pgdurable.ingress.waits import ClientGone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from litestar.types import HTTPScope, Receive, Send

    from pgdurable.ingress.load import Bounds, Load, Place
    from pgdurable.ingress.paths import Target
    from pgdurable.ingress.port import Engine
    from pgdurable.ingress.replies import Reply
    from pgdurable.ingress.waits import Waits

_ENCODED = ENCODED.encode()
_NOT_FORWARDED = frozenset([b"connection", b"host", b"idempotency-key", b"idempotency-expires", _ENCODED])
_METHODS = ("GET", "POST")


class Calls:
    """An ASGI application for ``/{service}/{handler}`` and ``/{object}/{key}/{handler}``, with or without
    ``/send``, and the same under ``/restate/call`` and ``/restate/send``, and under
    ``/restate/scope/{scope}`` with these.
    """

    def __init__(self, engine: Engine, waits: Waits, load: Load) -> None:
        self._engine = engine
        self._waits = waits
        self._load = load

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._answer(scope, receive)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            reply = error_reply(error, f"{scope['method']} {scope['path']}")
        reply.headers.extend(CORS)
        await reply.deliver(send)

    async def _answer(self, scope: HTTPScope, receive: Receive) -> Reply:
        place = self._load.enter()
        try:
            return await self._invoke(scope, receive, place)
        finally:
            place.leave()

    async def _invoke(self, scope: HTTPScope, receive: Receive, place: Place) -> Reply:
        path = raw_path(scope)
        target = find_target(self._engine, segments(path))
        if not target.info.public:
            raise errors.private_service()
        if scope["method"] not in _METHODS:
            raise errors.method_not_allowed(", ".join(_METHODS))
        bounds = self._load.bounds
        request = _make_request(target, scope, path, bounds)
        request.body = await read_body(scope, receive, bounds.body, place)
        if not request.encoded:
            check_input(target.info, request.headers, request.body)
        if target.send:
            return accepted_reply(await self._engine.send(request))
        called = await self._waits.until_done(self._engine.call(request), receive)
        return result_reply(called.result, called.text, target.info.output_content_type, called.expires)


def _make_request(target: Target, scope: HTTPScope, path: bytes, bounds: Bounds) -> Request:
    """The request, but for its body."""
    query = scope["query_string"]
    request = Request(
        info=target.info,
        key=target.key,
        body=b"",
        headers=[("x-restate-ingress-path", (path + b"?" + query if query else path).decode())],
        idempotency_key=None,
        delay=_read_delay(query, send=target.send) if query else None,
        traceparent=None,
        scope=target.scope,
        limit_key=_read_limit_key(query) if query else None,
    )
    size = len(path) + len(query) + _take_headers(request, scope["headers"])
    if len(request.headers) > bounds.headers:
        raise errors.too_many_headers(bounds.headers)
    if size > bounds.header_bytes:
        raise errors.headers_too_large(bounds.header_bytes)
    if request.idempotency_key is not None and target.info.handler_type == "workflow":
        raise errors.refused(refusals.idempotency_key_on_workflow())
    if request.limit_key is not None and (
        (refusal := refusals.of_scope(request.scope, request.limit_key)) is not None
    ):
        raise errors.refused(refusal)
    return request


def _take_headers(request: Request, headers: Iterable[tuple[bytes, bytes]]) -> int:
    """How many bytes they are."""
    forwarded = request.headers
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
        if name not in _NOT_FORWARDED:
            forwarded.append((name.decode("latin-1"), _text(name, value)))
            if name == b"traceparent" and request.traceparent is None:
                request.traceparent = forwarded[-1][1]
            elif name == b"x-restate-limit-key":
                request.limit_key = forwarded[-1][1]
        elif name == b"idempotency-key" and request.idempotency_key is None:
            request.idempotency_key = _text(name, value)
            if not value:
                raise errors.bad_header("idempotency-key", "it is empty")
            if (refusal := refusals.of_name(request.idempotency_key, "header idempotency-key")) is not None:
                raise errors.refused(refusal)
        elif name == _ENCODED:
            request.encoded = is_encoded(value.decode("latin-1"))
    return size


def _text(name: bytes, value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        raise errors.bad_header(name.decode("latin-1"), "it has characters that are not ASCII") from None


def _read_delay(query: bytes, *, send: bool) -> timedelta | None:
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name.lower() == "delay":
            return _checked_delay(value, send=send)
    return None


def _read_limit_key(query: bytes) -> str | None:
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name.lower() == "limit-key":
            return value
    return None


def _checked_delay(text: str, *, send: bool) -> timedelta:
    try:
        delay = parse_delay(text)
    except ValueError as error:
        raise errors.bad_delay(str(error)) from None
    if not send:
        raise errors.delay_on_call()
    return delay
