"""Whether a body and its content type are what the handler takes. Restate's rules and texts."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pgdurable.ingress import errors

if TYPE_CHECKING:
    from pgdurable.ingress.port import HandlerInfo


def check_input(info: HandlerInfo, headers: list[tuple[str, str]], body: bytes) -> None:
    """Raise a 400 unless ``body`` may be handed to the handler."""
    if info.input_required is None:
        return
    content_type = _content_type(headers)
    if not info.input_required and not body and content_type is None:
        return
    if info.input_content_type is None:
        raise errors.bad_input(
            f"Expected body and content-type to be empty, but wasn't with content-type '{content_type}'"
        )
    if content_type is None:
        raise errors.bad_input("Empty content-type")
    if not _matches(content_type, info.input_content_type):
        raise errors.bad_input(f"Content-type '{content_type}' does not match '{info.input_content_type}'")
    if info.input_required and not body and _is_json(info.input_content_type):
        raise errors.bad_input("Empty body not allowed")


def is_encoded(header: str | None) -> bool:
    """Whether a client says that it has encoded the value, and that it decodes the result itself."""
    if header is None or header.lower() == "false":
        return False
    if header.lower() != "true":
        raise errors.bad_header("x-pgdurable-encoded", f"it is {header!r}, and can be true or false")
    return True


def _content_type(headers: list[tuple[str, str]]) -> str | None:
    for name, value in headers:
        if name == "content-type":
            return value
    return None


@lru_cache(maxsize=256)  # every request asks, of the same few
def _matches(content_type: str, pattern: str) -> bool:
    if pattern == "*/*":
        return True
    given = content_type.partition(";")[0].strip().lower()
    wanted = pattern.partition(";")[0].strip().lower()
    if wanted.endswith("/*"):
        return given.startswith(wanted[:-1])
    return given == wanted


def _is_json(pattern: str) -> bool:
    bare = pattern.partition(";")[0].strip().lower()
    return bare == "application/json" or bare.endswith("+json")
