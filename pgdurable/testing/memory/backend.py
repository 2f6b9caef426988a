"""What a client does, on an `Engine` in memory: the same operations as over a database or HTTP."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pgdurable import refusals
from pgdurable.client.backend import Sent, State
from pgdurable.client.errors import failed, refused
from pgdurable.client.steps import Step, perform
from pgdurable.failures import Failure, read_failure, write_failure
from pgdurable.testing.memory.attempt import invocation_id
from pgdurable.testing.memory.records import Result, Status, Submission
from pgdurable_sdk import ids
from pgdurable_sdk.exceptions import UsageError
from pgdurable_sdk.handler import HandlerType, ServiceType
from pgdurable_sdk.journal.entries import EntryType, Outcome
from pgdurable_sdk.scopes import scoped_key

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable.client.backend import Action, Place, StateChange
    from pgdurable.client.invocation import Invocation
    from pgdurable.client.steps import Steps
    from pgdurable.testing.memory.engine import Engine
    from pgdurable.testing.memory.model import Answer
    from pgdurable.testing.memory.records import Invocation as InvocationRecord
    from pgdurable_sdk.handler import Handler


@dataclass(frozen=True, slots=True)
class Until(Step[Result]):
    """Wait for the result of an invocation. Raises TimeoutError after so many seconds of the test's time."""

    id: UUID
    seconds: float | None
    what: str


class InMemory:
    """Implements the client's ``Backend``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._model = engine.model

    # -- invocations ---------------------------------------------------------------------------------------

    def call(self, invocation: Invocation, seconds: float | None) -> Steps[bytes]:
        new = self._submission(invocation)
        if not self._engine.submit(new) and new.handler.type is HandlerType.WORKFLOW:
            raise failed(Failure(*refusals.workflow_already_invoked()))
        return _value((yield from perform(Until(new.id, seconds, invocation.target))))

    def send(self, invocation: Invocation, connection: object) -> Steps[Sent]:
        if connection is not None:
            raise UsageError("in memory there is no transaction to be part of: use a harness on a database")
        new = self._submission(invocation)
        if not self._engine.submit(new):
            return Sent(new.id, "PreviouslyAccepted")
        due = None if new.delay is None else datetime.fromtimestamp(self._model.now, UTC) + new.delay
        return Sent(new.id, "Accepted", due)
        yield  # a generator, as all of them are

    def attach(self, id: UUID, seconds: float | None) -> Steps[bytes]:
        self._find(id)
        return _value((yield from perform(Until(id, seconds, ids.format_id(id)))))

    def output(self, id: UUID) -> Steps[bytes | None]:
        result = self._find(id).result
        return None if result is None else _value(result)
        yield

    def control(self, action: Action, id: UUID) -> Steps[None]:
        if action == "purge" or action == "purge_journal":
            answer = self._purge(id, whole=action == "purge")
        else:
            answer = self._model.signal(id, action)
        self._engine.stir()
        _check(refusals.of_control(action, answer))
        return
        yield

    def _purge(self, id: UUID, *, whole: bool) -> Answer:
        invocation = self._model.invocations.get(id)
        if invocation is None:
            return "not_found"
        if not invocation.completed:
            return "not_completed"
        if whole:
            self._model.forget(id)
        else:
            del invocation.journal[:-1]
        return "done"

    # -- what handlers wait for ----------------------------------------------------------------------------

    def complete_awakeable(self, awakeable_id: str, result: bytes | Failure) -> Steps[None]:
        try:
            id, number = ids.parse_awakeable_id(awakeable_id)
        except ValueError as error:
            raise refused(refusals.bad_awakeable(awakeable_id, error)) from None
        self._find(id)
        self._model.deliver(id, EntryType.SIGNAL, number, None, _result(result))
        self._engine.stir()
        return
        yield

    def promise(self, place: Place, name: str) -> Steps[bytes | None]:
        promise = self._model.promises.get((*place.stored, name))
        return None if promise is None or promise.result is None else _value(promise.result)
        yield

    def complete_promise(self, place: Place, name: str, result: bytes | Failure) -> Steps[None]:
        first = self._model.complete_promise((*place.stored, name), _result(result))
        self._engine.stir()
        _check(refusals.of_promise("accepted" if first else "completed"))
        return
        yield

    # -- state ---------------------------------------------------------------------------------------------

    def state(self, place: Place) -> Steps[State]:
        values = dict(self._model.state.get(place.stored, {}))
        return State(values, _version(values))
        yield

    def change_state(self, place: Place, change: StateChange) -> Steps[None]:
        stored = place.stored
        values = {} if change.replace else dict(self._model.state.get(stored, {}))
        _check(refusals.of_state(self._state_answer(stored, change.version)))
        for name, value in change.values.items():
            if value is None:
                values.pop(name, None)
            else:
                values[name] = value
        self._model.state[stored] = values
        return
        yield

    def _state_answer(self, place: tuple[str, str], version: str | None) -> str:
        kinds = {
            handler.service_type for (name, _), handler in self._engine.handlers.items() if name == place[0]
        }
        if ServiceType.VIRTUAL_OBJECT in kinds:
            if place in self._model.holders:
                return "held"
        elif ServiceType.WORKFLOW in kinds:
            run = self._model.invocations.get(ids.derived_id("wf", *place, None, None))
            if run is None:
                return "not_found"
            if run.status is not Status.COMPLETED:
                return "held"
        else:
            return "not_found"
        if version is not None and version != _version(self._model.state.get(place, {})):
            return "changed"
        return "done"

    # -- how -----------------------------------------------------------------------------------------------

    def _submission(self, invocation: Invocation) -> Submission:
        handler = self._handler(invocation)
        if handler.keyed and invocation.key is None:
            raise refused(refusals.key_missing(handler.service))
        if not handler.keyed and invocation.key is not None:
            raise refused(refusals.key_given(handler.service))
        if handler.type is HandlerType.WORKFLOW and invocation.idempotency_key is not None:
            raise refused(refusals.idempotency_key_on_workflow())
        headers = invocation.headers
        if invocation.content_type is not None:
            headers = {**headers, "content-type": invocation.content_type}
        key = scoped_key(invocation.scope, invocation.key)
        return Submission(
            id=invocation_id(handler.service, handler.name, key, invocation.idempotency_key, handler),
            handler=handler,
            key=key,
            input=invocation.input,
            headers=headers,
            trace_parent=headers.get("traceparent"),
            idempotency_key=invocation.idempotency_key,
            delay=invocation.delay,
            limit_key=invocation.limit_key,
        )

    def _handler(self, invocation: Invocation) -> Handler:
        handlers = self._engine.handlers
        handler = handlers.get((invocation.service, invocation.handler))
        if handler is not None:
            return handler
        if any(service == invocation.service for service, _ in handlers):
            raise refused(refusals.handler_not_found(invocation.service, invocation.handler))
        raise refused(refusals.service_not_found(invocation.service))

    def _find(self, id: UUID) -> InvocationRecord:
        invocation = self._model.invocations.get(id)
        if invocation is None:
            raise refused(refusals.invocation_not_found())
        return invocation


class Performer:
    """Carries out the one kind of step that there is in memory."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def open(self) -> None:
        """There is nothing to connect to."""

    async def close(self) -> None:
        """Nor to disconnect from."""

    async def perform(self, step: Step[Any]) -> Any:
        """Wait."""
        assert isinstance(step, Until), step
        try:
            async with asyncio.timeout(step.seconds):
                return await self._engine.result(step.id)
        except TimeoutError:
            raise TimeoutError(f"{step.what} has not completed within {step.seconds:g} s") from None


def _value(result: Result) -> bytes:
    if result.outcome == Outcome.FAILURE:
        raise failed(read_failure(result.value or b"{}"))
    return result.value or b""


def _result(result: bytes | Failure) -> Result:
    if isinstance(result, Failure):
        return Result(Outcome.FAILURE, write_failure(result))
    return Result(Outcome.SUCCESS, result)


def _check(refusal: refusals.Refusal | None) -> None:
    if refusal is not None:
        raise refused(refusal)


def _version(values: dict[str, bytes]) -> str:
    """As the database has it: a hash of all names and values."""
    digest = hashlib.sha256()
    for position, (name, value) in enumerate(sorted(values.items())):
        digest.update(position.to_bytes(8, "big") + b"\1" + name.encode() + b"\2" + value + b"\3")
    return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
