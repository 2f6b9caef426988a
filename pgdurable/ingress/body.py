"""Reading a request's body, no further than allowed and with no message more than needed.

Every ``receive`` on Granian is a trip to another thread and back (13 microseconds of CPU, 7 of them in the
loop's thread, where a whole trivial request takes 37 and 14). So a body that HTTP/1.1 says is empty is not
asked for, and one whose length is known is not asked for its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdurable.ingress import errors
from pgdurable.ingress.waits import ClientGone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar.types import HTTPScope, Receive, Scope

    from pgdurable.ingress.load import Place


async def read_body(scope: Scope | HTTPScope, receive: Receive, limit: int, place: Place) -> bytes:
    """The whole body. Raises a 413 as soon as it is known to be larger than ``limit``, a 429 if there is no
    room for it.
    """
    length = _announced_length(scope)
    if length is not None and length > limit:
        raise errors.body_too_large(limit)
    if length:
        place.hold(length)
    chunks: list[bytes] = []
    size = 0
    while length is None or size < length:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        chunk = message["body"]
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise errors.body_too_large(limit)
        if length is None:
            place.hold(len(chunk))
        if not message["more_body"]:
            break
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _announced_length(scope: Scope | HTTPScope) -> int | None:
    """None: it is only known at the end of the body."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    chunked = False
    for name, value in headers:
        if name == b"content-length":
            return _number(value)
        if name == b"transfer-encoding":
            chunked = True
    return None if chunked or not scope["http_version"].startswith("1") else 0


def _number(value: bytes) -> int:
    if not value.isdigit():
        raise errors.bad_header("content-length", "it is no number")
    return int(value)
