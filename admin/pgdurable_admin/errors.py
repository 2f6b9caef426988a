"""Errors of the admin API, in the shape that Restate's tools print: a message, and a code if there is one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from litestar import MediaType, Response
from litestar.exceptions import SerializationException, ValidationException

from pgdurable.store.errors import (
    BadDeployment,
    BadInvocationId,
    OutcomeUnknown,
    StoreError,
    TryAgain,
    Unavailable,
    Unstorable,
)

if TYPE_CHECKING:
    from litestar import Request
    from litestar.exceptions import HTTPException

    from pgdurable.refusals import Refusal

__all__ = ["AdminError", "from_admin", "from_body", "from_fault", "from_http", "from_store", "refuse"]

log = logging.getLogger("pgdurable.admin")


class AdminError(Exception):
    """A request that cannot be served. `code` is one of Restate's, like META0006."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def from_admin(request: Request[Any, Any, Any], error: AdminError) -> Response[dict[str, Any]]:
    return answer(error.status, error.message, error.code)


def refuse(refusal: Refusal | None) -> None:
    """Raise what a client is told, if it is refused."""
    if refusal is not None:
        raise AdminError(refusal.status, refusal.message)


def from_store(request: Request[Any, Any, Any], error: StoreError) -> Response[dict[str, Any]]:
    """A bad id or deployment is the client's; everything else is between us and the database."""
    if isinstance(error, (BadInvocationId, BadDeployment, Unstorable)):
        return answer(400, str(error))
    if isinstance(error, TryAgain):
        return answer(503, f"the request may be repeated: {error}")
    if isinstance(error, (Unavailable, OutcomeUnknown)):
        return answer(503, f"the database does not answer: {error}")
    return from_fault(request, error)


def from_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """What the framework itself refuses: no such path, no such method, a body that cannot be read."""
    if isinstance(error.__cause__, SerializationException):
        return from_body(request, error.__cause__)
    said = error.detail or "the request cannot be served"
    parts = error.extra if isinstance(error, ValidationException) else None
    if isinstance(parts, list):
        said = "; ".join([said, *(": ".join(_words(part)) for part in parts)])
    return answer(error.status_code, said)


def from_body(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """A body that is no JSON: msgspec does not call it so where it is no UTF-8, or nested too deeply."""
    return answer(400, f"the body is not readable JSON: {error}")


def _words(part: object) -> list[str]:
    """Which part of a request was wrong, and how, as Litestar tells it."""
    if not isinstance(part, dict):
        return [str(part)]
    told = cast("dict[str, object]", part)
    return [str(told[name]) for name in ("key", "message") if told.get(name)]


def from_fault(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(500, "internal error, the log says more")


def answer(status: int, message: str, code: str | None = None) -> Response[dict[str, Any]]:
    body = {"message": message, "restate_code": code}
    return Response(body, status_code=status, media_type=MediaType.JSON)
