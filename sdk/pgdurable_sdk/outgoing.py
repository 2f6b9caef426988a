"""What a call or a send of a handler may carry, checked before anything of it is journaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdurable_sdk.checks import flaw, header_flaw, need_name, shown
from pgdurable_sdk.exceptions import UsageError
from pgdurable_sdk.scopes import bad_key

if TYPE_CHECKING:
    from pgdurable_sdk.journal.entries import CallRequest
    from pgdurable_sdk.limits import Limits


def check_request(request: CallRequest, limits: Limits) -> None:
    """Raise UsageError for what cannot be stored, or is larger than it may be."""
    key = request.key
    if key is not None and (wrong := flaw(key) or bad_key(key)) is not None:
        raise UsageError(f"bad key {shown(key)} of a call to {request.service}: {wrong}")
    if request.idempotency_key is not None and (wrong := flaw(request.idempotency_key)) is not None:
        raise UsageError(f"bad idempotency key {shown(request.idempotency_key)}: {wrong}")
    headers = request.headers
    if headers and (wrong := header_flaw(headers) or limits.weigh_headers(headers)) is not None:
        raise UsageError(f"a call to {request.service}: {wrong}")


def check_names(request: CallRequest) -> None:
    """Raise UsageError for a call by names that are none, or with what are no bytes."""
    need_name("the service of a call", request.service)
    need_name("the handler of a call", request.handler)
    if not isinstance(request.parameter, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] (untyped callers)
        raise UsageError(f"the argument of a call by name is bytes, not {shown(request.parameter)}")
