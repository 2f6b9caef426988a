"""Request paths, read from their raw form: a key may hold an encoded slash, which decoding would hide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote, unquote_to_bytes

from pgdurable import refusals
from pgdurable.ingress import errors

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Scope

    from pgdurable.ingress.port import Engine, HandlerInfo

PATH_LIMIT = 8192
"""Bytes. A key has 1,024, each of which may be written as three."""

_EXPECTED = ("/:service-name/:handler", "/:object-name/:object-key/:handler")
_SCOPED = ("/restate/scope/:scope/call/...", "/restate/scope/:scope/send/...")


class Target(NamedTuple):
    """Which handler to invoke, on which key, whether to wait for it, and in which scope."""

    info: HandlerInfo
    key: str | None
    send: bool
    scope: str | None = None


def raw_path(scope: Scope | HTTPScope) -> bytes:
    """The path as it was sent, without the query. Servers may leave it out, then it is made up again."""
    raw: bytes | None = cast("dict[str, Any]", scope).get("raw_path")
    return raw or quote(scope["path"]).encode()


def segments(path: bytes) -> list[str]:
    """What stands between the slashes, still percent-encoded; slashes at the end do not count."""
    if len(path) > PATH_LIMIT:
        raise errors.path_too_long(PATH_LIMIT)
    try:
        return path.decode().rstrip("/").split("/")[1:]
    except UnicodeDecodeError as error:
        raise errors.undecodable("path", f"not UTF-8 ({error.reason})") from None


def decode_key(segment: str, part: str = "key") -> str:
    """A percent-decoded segment, fit to be stored."""
    if "%" in segment:
        try:
            segment = unquote_to_bytes(segment).decode()
        except UnicodeDecodeError as error:
            raise errors.undecodable(part, f"not UTF-8 ({error.reason})") from None
    if (refusal := refusals.of_key(segment, part)) is not None:
        raise errors.refused(refusal)
    return segment


def decode_scope(segment: str) -> str:
    """A percent-decoded segment that can be a scope."""
    scope = decode_key(segment, "scope")
    if (refusal := refusals.of_scope(scope)) is not None:
        raise errors.refused(refusal)
    return scope


def check_text(text: str, part: str) -> None:
    """Refuse what PostgreSQL cannot store, wherever it came from."""
    if (refusal := refusals.of_text(text, part)) is not None:
        raise errors.refused(refusal)


def find_target(engine: Engine, parts: list[str]) -> Target:
    """The target that a path names, with or without ``/restate/call`` or ``/restate/send`` before it, or
    these in a scope."""
    if parts[:1] == ["restate"]:
        scope = None
        if parts[1:2] == ["scope"]:
            if len(parts) < 5 or parts[3] not in ("call", "send"):
                raise errors.bad_path(*_SCOPED)
            scope = decode_scope(parts[2])
            parts = ["restate", *parts[3:]]
        if len(parts) < 3:
            raise errors.not_found()
        send = parts[1] == "send"
        info, key, rest = _find(engine, parts[2:])
        if rest:
            raise errors.bad_path(*(f"/restate/{parts[1]}{path}" for path in _EXPECTED))
        return Target(info, key, send, scope)
    info, key, rest = _find(engine, parts)
    if rest and rest != ["send"]:
        raise errors.bad_path(*_EXPECTED)
    return Target(info, key, send=bool(rest))


def _find(engine: Engine, parts: list[str]) -> tuple[HandlerInfo, str | None, list[str]]:
    """The handler, the key, and the segments left. What follows the service's name depends on its type."""
    if not parts or not parts[0]:
        raise errors.not_found()
    service = parts[0]
    if not engine.find_service(service):
        raise errors.refused(refusals.service_not_found(service))
    if len(parts) < 2:
        raise errors.bad_path(*_EXPECTED)
    info = engine.find_handler(service, parts[1])
    if info is not None and info.service_type == "service":
        return info, None, parts[2:]
    if len(parts) > 2:
        keyed = engine.find_handler(service, parts[2])
        if keyed is not None and keyed.service_type != "service":
            return keyed, decode_key(parts[1]), parts[3:]
    if info is not None and len(parts) == 2:
        raise errors.bad_path(*_EXPECTED)  # a handler, but of an object: the key is missing
    unkeyed = len(parts) == 2 or parts[2] == "send"
    handler = parts[1] if unkeyed and info is None else parts[2]
    raise errors.refused(refusals.handler_not_found(service, handler))
