"""What a handler calls, made of what it says: a `CallRequest` of a function or of names. It is checked before
anything of it is journaled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgdurable_sdk import scopes
from pgdurable_sdk.checks import flaw, header_flaw, need_name, shown
from pgdurable_sdk.exceptions import SerdeError, UsageError
from pgdurable_sdk.handler import handler_of
from pgdurable_sdk.journal.entries import CallRequest

if TYPE_CHECKING:
    from pgdurable_sdk.handler import Handler
    from pgdurable_sdk.limits import Limits


def of_handler(
    tpe: Any,
    key: str | None,
    arg: Any,
    idempotency_key: str | None,
    headers: dict[str, str] | None,
    scope: str | None = None,
    limit_key: str | None = None,
) -> CallRequest:
    """A call of a handler function. Raises UsageError for a key that it has not, or lacks, and SerdeError."""
    handler = handler_of(tpe)
    _check_key(handler, key)
    if arg is not None and not handler.takes_input:
        raise UsageError(f"{handler.service}/{handler.name} takes no argument, so pass None")
    try:
        parameter = handler.input.serde.serialize(arg) if handler.takes_input else b""
    except SerdeError as error:
        raise SerdeError(f"the argument for {handler.target(key)}: {error}") from error
    return CallRequest(
        handler.service, handler.name, key, parameter, headers or {}, idempotency_key, scope, limit_key
    )


def of_names(
    service: str,
    handler: str,
    key: str | None,
    arg: bytes,
    idempotency_key: str | None,
    headers: dict[str, str] | None,
    scope: str | None,
    limit_key: str | None,
) -> CallRequest:
    """A call by name, of bytes. Raises UsageError for what cannot be a scope."""
    if scope is not None or limit_key is not None:
        need_scope(scope, limit_key)
    request = CallRequest(service, handler, key, arg, headers or {}, idempotency_key, scope, limit_key)
    _check_names(request)
    return request


def check_request(request: CallRequest, limits: Limits) -> None:
    """Raise UsageError for what cannot be stored, or is larger than it may be."""
    key = request.key
    if key is not None and (wrong := flaw(key) or scopes.bad_key(key)) is not None:
        raise UsageError(f"bad key {shown(key)} of a call to {request.service}: {wrong}")
    if request.idempotency_key is not None and (wrong := flaw(request.idempotency_key)) is not None:
        raise UsageError(f"bad idempotency key {shown(request.idempotency_key)}: {wrong}")
    headers = request.headers
    if headers and (wrong := header_flaw(headers) or limits.weigh_headers(headers)) is not None:
        raise UsageError(f"a call to {request.service}: {wrong}")


def need_scope(scope: str | None, limit_key: str | None) -> None:
    """Raise UsageError for what cannot be a scope, or a limit key in it."""
    if scope is None:
        raise UsageError(f"a limit key takes a scope: limit_key={limit_key!r} stands alone")
    if (reason := scopes.bad_scope(scope)) is not None:
        raise UsageError(f"the scope {reason}")
    if limit_key is not None and (reason := scopes.bad_limit_key(limit_key)) is not None:
        raise UsageError(f"the limit key {reason}")


def _check_key(handler: Handler, key: object) -> None:
    kind = handler.service_type.removeprefix("virtual_")
    if handler.keyed is (key is not None):
        if key is not None and not isinstance(key, str):
            raise UsageError(f"the key of {handler.service} has to be a str, not {key!r}: write str(key)")
        return
    if handler.keyed:
        raise UsageError(
            f"{handler.service} is a {kind.replace('object', 'virtual object')}, so it takes a key: "
            f"ctx.{kind}_call({handler.name}, key, argument), or {kind}_send"
        )
    raise UsageError(
        f"{handler.service} is a service and has no key: ctx.service_call({handler.name}, argument), "
        "or service_send"
    )


def _check_names(request: CallRequest) -> None:
    """Raise UsageError for a call by names that are none, or with what are no bytes."""
    need_name("the service of a call", request.service)
    need_name("the handler of a call", request.handler)
    if not isinstance(request.parameter, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] (untyped callers)
        raise UsageError(f"the argument of a call by name is bytes, not {shown(request.parameter)}")
