"""What is to be invoked: of a handler function with its argument, or of names with bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pgdurable import refusals
from pgdurable.client.errors import need, refused
from pgdurable_sdk import ids
from pgdurable_sdk.handler import HandlerType, handler_of
from pgdurable_sdk.scopes import scoped_key
from pgdurable_sdk.serde import BytesSerde

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from uuid import UUID

    from pgdurable_sdk.handler import Handler

ANYTHING: Final = "application/octet-stream"
BYTES: Final = BytesSerde()


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call or send, checked as far as it can be on this side."""

    service: str
    handler: str
    key: str | None
    input: bytes
    content_type: str | None
    """None: the handler takes no input."""
    idempotency_key: str | None
    delay: timedelta | None
    headers: dict[str, str]
    scope: str | None = None
    limit_key: str | None = None

    def __post_init__(self) -> None:
        self._check(refusals.of_name(self.service, "name of a service"))
        self._check(refusals.of_name(self.handler, "name of a handler"))
        self._check(refusals.of_key(self.key) if self.key is not None else None)
        if self.scope is not None or self.limit_key is not None:
            self._check(refusals.of_scope(self.scope, self.limit_key))
        if self.idempotency_key is not None:
            self._check(refusals.of_name(self.idempotency_key, "idempotency key"))
            if not self.idempotency_key:
                raise refused(refusals.bad_text("idempotency key", "it is empty"))
        if self.headers:
            self._check(refusals.of_headers(self.headers))
        if self.delay is not None and self.delay.total_seconds() < 0:
            raise refused(refusals.bad_text("delay", f"{self.delay} is negative"))

    @property
    def target(self) -> str:
        """As people read it."""
        return "/".join(part for part in (self.service, self.key, self.handler) if part is not None)

    def _check(self, refusal: refusals.Refusal | None) -> None:
        if refusal is not None:
            raise refused(refusal)


def of_handler(
    handler: Handler,
    key: str | None,
    argument: Any,
    idempotency_key: str | None,
    headers: Mapping[str, str] | None,
    delay: timedelta | None = None,
    scope: str | None = None,
    limit_key: str | None = None,
) -> Invocation:
    """An invocation of a handler function. Raises SerdeError where the argument does not fit it."""
    kept = lowered(headers)
    content_type = kept.pop("content-type", None)
    if handler.takes_input and content_type is None:
        accepted = handler.input.content_type
        content_type = ANYTHING if "*" in accepted else accepted
    return Invocation(
        service=handler.service,
        handler=handler.name,
        key=key,
        input=handler.input.serde.serialize(argument) if handler.takes_input else b"",
        content_type=content_type,
        idempotency_key=idempotency_key,
        delay=delay or None,
        headers=kept,
        scope=scope,
        limit_key=limit_key,
    )


def of_names(
    service: str,
    handler: str,
    key: str | None,
    argument: bytes,
    idempotency_key: str | None,
    headers: Mapping[str, str] | None,
    delay: timedelta | None = None,
    scope: str | None = None,
    limit_key: str | None = None,
) -> Invocation:
    """An invocation by name. Bytes are taken for JSON unless the header content-type says otherwise."""
    kept = lowered(headers)
    content_type = kept.pop("content-type", "application/json" if argument else None)
    return Invocation(
        service=service,
        handler=handler,
        key=key,
        input=argument,
        content_type=content_type,
        idempotency_key=idempotency_key,
        delay=delay or None,
        headers=kept,
        scope=scope,
        limit_key=limit_key,
    )


def target_of(tpe: Any, *, keyed: bool) -> Handler:
    """The handler of a function. Raises TypeError where that is none, or not one of this kind."""
    handler = handler_of(tpe)
    if keyed and not handler.keyed:
        raise TypeError(f"{handler.service} has no keys: use service_call or service_send")
    if not keyed and handler.keyed:
        raise TypeError(f"{handler.service} has keys: use object_call or workflow_call, or their sends")
    return handler


def lowered(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Headers with names as handlers see them, whichever way the request goes."""
    return {name.lower(): value for name, value in (headers or {}).items()}


def read_id(text: str) -> UUID:
    """Raises HttpError (400) for what is not an invocation's id."""
    try:
        return ids.parse_id(text)
    except ValueError as error:
        raise refused(refusals.bad_invocation(text, error)) from None


def named(
    tpe: Any, key: str | None, idempotency_key: str | None, scope: str | None = None
) -> tuple[Handler, str]:
    """The handler of a function, and the id that these arguments name. Raises TypeError if they name none,
    and HttpError (400) for what cannot be a scope."""
    need(refusals.of_scope(scope))
    handler = target_of(tpe, keyed=key is not None)
    run = handler.type is HandlerType.WORKFLOW
    if run and idempotency_key is not None:
        raise TypeError(f"the key of {handler.service} names its run: leave out the idempotency key")
    if not run and idempotency_key is None:
        raise TypeError(
            f"{handler.service}/{handler.name} is no run of a workflow: say which idempotency key"
        )
    stored = scoped_key(scope, key)
    id = ids.invocation_id(handler.service, handler.name, stored, idempotency_key, workflow=run)
    return handler, ids.format_id(id)


def name_of(service: Any) -> str:
    """Of a service, by its name or itself. Raises HttpError (400) for a text that can be no name."""
    if not isinstance(service, str):
        return str(service.name)
    need(refusals.of_name(service, "name of a service"))
    return service
