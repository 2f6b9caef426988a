"""Which invocation a request is about: named by its id, by its idempotency key, or by its workflow's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from pgdurable import refusals
from pgdurable.ingress import errors
from pgdurable.ingress.paths import check_text, decode_key

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable.ingress.port import Engine

_INVOCATION_PATHS = (
    "/restate/invocation/:invocation_id/output",
    "/restate/invocation/:invocation_id/attach",
    "/restate/invocation/:invocation_target/:idempotency_key/output",
    "/restate/invocation/:invocation_target/:idempotency_key/attach",
)
_WORKFLOW_PATHS = (
    "/restate/workflow/:workflow_name/:workflow_key/output",
    "/restate/workflow/:workflow_name/:workflow_key/attach",
)
_AWAKEABLE_PATHS = ("/restate/awakeables/:id/resolve", "/restate/awakeables/:id/reject")


class Named(NamedTuple):
    """An invocation that may exist, and the content type of its result where the request says what it is."""

    id: UUID
    content_type: str | None = None


class WorkflowTarget(Struct, tag_field="target", tag="workflow", rename="camel"):
    workflow_name: str
    workflow_key: str
    scope: str | None = None


class IdempotentTarget(Struct, tag_field="target", tag="idempotentInvocation", rename="camel"):
    service: str
    handler: str
    idempotency_key: str
    key: str | None = None
    scope: str | None = None


class InvocationTarget(Struct, tag_field="target", tag="invocation", rename="camel"):
    invocation_id: str


Target: TypeAlias = WorkflowTarget | IdempotentTarget | InvocationTarget
_decoder: msgspec.json.Decoder[Target] = msgspec.json.Decoder(Target)


def by_id(engine: Engine, text: str) -> Named:
    try:
        return Named(engine.invocation_id(text))
    except ValueError as error:
        raise errors.refused(refusals.bad_invocation(text, error)) from None


def by_body(engine: Engine, body: bytes) -> Named:
    """The JSON body of ``/restate/attach``, ``/restate/output`` and ``/restate/lookup``."""
    try:
        target = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors.bad_target(error) from None
    match target:
        case InvocationTarget(invocation_id):
            return by_id(engine, invocation_id)
        case WorkflowTarget(name, key, scope):
            return _workflow(engine, name, key, scope)
        case IdempotentTarget(service, handler, idempotency_key, key, scope):
            return _idempotent(engine, service, key, handler, idempotency_key, scope)


def by_invocation_path(engine: Engine, parts: list[str]) -> tuple[Named, str]:
    """What follows ``/restate/invocation``: the invocation, and what to do with it."""
    match parts:
        case [invocation_id, verb]:
            return by_id(engine, invocation_id), verb
        case [service, handler, idempotency_key, verb]:
            _check_service(engine, service)
            return _idempotent(engine, service, None, handler, idempotency_key), verb
        case [service, key, handler, idempotency_key, verb]:
            _check_service(engine, service)
            return _idempotent(engine, service, decode_key(key), handler, idempotency_key), verb
        case _:
            raise errors.bad_path(*_INVOCATION_PATHS)


def by_workflow_path(engine: Engine, parts: list[str]) -> tuple[Named, str]:
    """What follows ``/restate/workflow``."""
    if len(parts) != 3:
        raise errors.bad_path(*_WORKFLOW_PATHS)
    name, key, verb = parts
    return _workflow(engine, name, decode_key(key)), verb


def awakeable_path(parts: list[str]) -> tuple[str, str]:
    """What follows ``/restate/awakeables``: the id, and ``resolve`` or ``reject``."""
    if len(parts) != 2:
        raise errors.bad_path(*_AWAKEABLE_PATHS)
    awakeable_id, verb = parts
    if verb not in ("resolve", "reject"):
        raise errors.not_found()
    return awakeable_id, verb


def _check_service(engine: Engine, service: str) -> None:
    if not engine.find_service(service):
        raise errors.refused(refusals.service_not_found(service))


def _workflow(engine: Engine, name: str, key: str, scope: str | None = None) -> Named:
    _check_texts(workflow=name)
    _check_key(key, scope)
    return Named(engine.workflow_id(name, key, scope))


def _idempotent(
    engine: Engine,
    service: str,
    key: str | None,
    handler: str,
    idempotency_key: str,
    scope: str | None = None,
) -> Named:
    _check_texts(service=service, handler=handler, idempotency_key=idempotency_key)
    _check_key(key or "", scope)
    info = engine.find_handler(service, handler)
    id = engine.idempotent_id(service, key, handler, idempotency_key, scope)
    return Named(id, None if info is None else info.output_content_type)


def _check_key(key: str, scope: str | None) -> None:
    for refusal in (refusals.of_key(key), refusals.of_scope(scope)):
        if refusal is not None:
            raise errors.refused(refusal)


def _check_texts(**texts: str) -> None:
    for part, text in texts.items():
        check_text(text, part.replace("_", " "))
