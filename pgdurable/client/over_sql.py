"""A client's operations on the database itself, as steps: what the ingress does, without the ingress."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from pgdurable import refusals
from pgdurable.client.backend import Sent, State
from pgdurable.client.errors import ConnectError, HttpError, failed, refused
from pgdurable.client.steps import Await, Fetch, Pause, perform
from pgdurable.client.waits import Waits
from pgdurable.config import Settings
from pgdurable.engine.target import Target, read_target
from pgdurable.failures import Failure, read_failure, write_failure
from pgdurable.store.errors import (
    OutcomeUnknown,
    SchemaMoved,
    StoreError,
    TryAgain,
    Unavailable,
    Unstorable,
)
from pgdurable.store.rows import AwaitedRow, HandlerRow, ResultRow, SubmissionRow
from pgdurable_sdk import ids
from pgdurable_sdk.handler import HandlerType, ServiceType
from pgdurable_sdk.journal.entries import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from pgdurable.client.backend import Action, Place, StateChange
    from pgdurable.client.invocation import Invocation
    from pgdurable.client.steps import Steps
    from pgdurable.store.rows import Rows

DEFINITIONS_SECONDS: Final = 60.0
"""For so long the client believes what it read of handlers. One it does not know it looks up at once."""

REPEATABLE: Final = frozenset({"cancel", "pause", "resume"})
"""What may be done twice without anybody noticing."""


class OverSql:
    """Implements `Backend`. ``patience`` is for how many seconds a database that went away is waited for.
    ``encodes``: values pass through a codec, see `coded`.
    """

    def __init__(self, patience: float, *, encodes: bool = False) -> None:
        self.id = uuid4()
        self.waits = Waits()
        self.patience = patience
        self._encodes = encodes
        self._targets: dict[tuple[str, str], Target] = {}
        self._read = -DEFINITIONS_SECONDS

    # -- invocations ---------------------------------------------------------------------------------------

    def call(self, invocation: Invocation, seconds: float | None) -> Steps[bytes]:
        target = yield from self._target(invocation)
        row = self._submission(target, invocation, origin=self.id)
        result = self.waits.expect(row.id)
        try:
            admission = yield from self._submit(row)
            if admission.previous and target.runs_workflow:
                raise failed(Failure(*refusals.workflow_already_invoked()))
            if admission.outcome is not None:
                return _value(admission.outcome, admission.value)
            return (yield from self._await(result, seconds, invocation.target))
        finally:
            self.waits.leave(row.id, result)

    def send(self, invocation: Invocation, connection: object) -> Steps[Sent]:
        target = yield from self._target(invocation)
        row = self._submission(target, invocation, origin=None)
        if connection is not None and row.delay is None and target.handler_type is HandlerType.EXCLUSIVE:
            # To take the key, or a place in its inbox, means to lock it, and nobody knows how long the
            # transaction takes. So it does that when it is committed: it is delayed by nothing.
            row = row._replace(delay=timedelta(0))
        admission = yield from self._submit(row, connection)
        if admission.previous:
            return Sent(row.id, "PreviouslyAccepted")
        return Sent(row.id, "Accepted", datetime.now(UTC) + row.delay if row.delay else None)

    def attach(self, id: UUID, seconds: float | None) -> Steps[bytes]:
        result = self.waits.expect(id)
        try:
            awaited = yield from self._awaited(id, self.id)
            if awaited.outcome is not None:
                return _value(awaited.outcome, awaited.value)
            return (yield from self._await(result, seconds, ids.format_id(id)))
        finally:
            self.waits.leave(id, result)

    def output(self, id: UUID) -> Steps[bytes | None]:
        awaited = yield from self._awaited(id, None)
        return None if awaited.outcome is None else _value(awaited.outcome, awaited.value)

    def control(self, action: Action, id: UUID) -> Steps[None]:
        answer = yield from self._word(action, ids.format_id(id), repeatable=action in REPEATABLE)
        _check(refusals.of_control(action, answer))

    # -- what handlers wait for ----------------------------------------------------------------------------

    def complete_awakeable(self, awakeable_id: str, result: bytes | Failure) -> Steps[None]:
        try:
            ids.parse_awakeable_id(awakeable_id)
        except ValueError as error:
            raise refused(refusals.bad_awakeable(awakeable_id, error)) from None
        if isinstance(result, Failure):
            answer = yield from self._word("reject_awakeable", awakeable_id, result.message, result.code)
        else:
            answer = yield from self._word("resolve_awakeable", awakeable_id, result)
        if answer == "not_found":
            raise refused(refusals.invocation_not_found())

    def promise(self, place: Place, name: str) -> Steps[bytes | None]:
        rows = yield from self._fetch("promise", *place.stored, name)
        for outcome, value in rows:
            return _value(outcome, value)
        return None

    def complete_promise(self, place: Place, name: str, result: bytes | Failure) -> Steps[None]:
        if isinstance(result, Failure):
            outcome, value = Outcome.FAILURE, write_failure(result)
        else:
            outcome, value = Outcome.SUCCESS, result
        answer = yield from self._word(
            "complete_promise", *place.stored, name, outcome.value, value, repeatable=False
        )
        _check(refusals.of_promise(answer))

    # -- state ---------------------------------------------------------------------------------------------

    def state(self, place: Place) -> Steps[State]:
        rows = yield from self._fetch("state", *place.stored)
        version = yield from self._word("state_version", *place.stored)
        return State({name: value for name, value in rows}, version)

    def change_state(self, place: Place, change: StateChange) -> Steps[None]:
        answer = yield from self._word(
            "change_state",
            *place.stored,
            list(change.values),
            list(change.values.values()),
            change.replace,
            change.version,
            repeatable=change.version is None,
        )
        _check(refusals.of_state(answer))

    # -- definitions ---------------------------------------------------------------------------------------

    def read_definitions(self) -> Steps[None]:
        """What can be called."""
        rows = yield from self._fetch("handlers")
        targets = (read_target(HandlerRow(*row), Settings()) for row in rows)
        self._targets = {(target.service, target.handler): target for target in targets}
        self._read = monotonic()

    def _target(self, invocation: Invocation) -> Steps[Target]:
        wanted = invocation.service, invocation.handler
        if wanted not in self._targets or monotonic() > self._read + DEFINITIONS_SECONDS:
            yield from self.read_definitions()
        target = self._targets.get(wanted)
        if target is None:
            if any(service == invocation.service for service, _ in self._targets):
                raise refused(refusals.handler_not_found(*wanted))
            raise refused(refusals.service_not_found(invocation.service))
        return target

    def _submission(self, target: Target, invocation: Invocation, origin: UUID | None) -> SubmissionRow:
        keyed = target.service_type is not ServiceType.SERVICE
        if keyed and invocation.key is None:
            raise refused(refusals.key_missing(target.service))
        if not keyed and invocation.key is not None:
            raise refused(refusals.key_given(target.service))
        if target.runs_workflow and invocation.idempotency_key is not None:
            raise refused(refusals.idempotency_key_on_workflow())
        if target.manifest.encoded and invocation.input and not self._encodes:
            raise refused(refusals.not_encoded(target.service))
        headers = invocation.headers
        if invocation.content_type is not None:
            headers = {**headers, "content-type": invocation.content_type}
        return target.submission(
            invocation.key,
            invocation.input,
            headers=headers,
            idempotency_key=invocation.idempotency_key,
            delay=invocation.delay,
            origin=origin,
            trace_parent=headers.get("traceparent"),
            scope=invocation.scope,
            limit_key=invocation.limit_key,
        )

    # -- how -----------------------------------------------------------------------------------------------

    def _submit(self, row: SubmissionRow, connection: object = None) -> Steps[_Admission]:
        """Admit it, in one round trip, and let workers know. Its id is there before, so repeating is
        harmless."""
        arguments = (*row, connection is not None)
        if connection is not None:
            rows = yield from perform(Fetch("client_submit", arguments, connection))
            return _Admission(*rows[0])
        attempts = _Attempts(self.patience)
        rows = yield from self._repeated("client_submit", arguments, attempts)
        admission = _Admission(*rows[0])
        if admission.previous and admission.own and attempts.in_doubt:
            admission.previous = False  # the first time it was done, and only the answer got lost
        if admission.hints is not None:
            yield from self._announce(admission.hints)
        return admission

    def _announce(self, hints: str) -> Steps[None]:
        """In a transaction of its own: NOTIFY lets all commits of a PostgreSQL wait for each other."""
        try:
            yield from perform(Fetch("client_announce", (hints,)))
        except StoreError:
            return  # hints only: those who wait for them poll too

    def _await(self, result: Future[ResultRow], seconds: float | None, what: str) -> Steps[bytes]:
        try:
            row = yield from perform(Await(result, seconds))
        except TimeoutError:
            raise TimeoutError(f"{what} has not completed within {seconds:g} s; it goes on") from None
        return _value(row.outcome, row.value)

    def _awaited(self, id: UUID, origin: UUID | None) -> Steps[AwaitedRow]:
        rows = yield from self._fetch("await_result", id, origin)
        awaited = AwaitedRow(*rows[0])
        if awaited.status is None:
            raise refused(refusals.invocation_not_found())
        return awaited

    def _word(self, query: str, *arguments: object, repeatable: bool = True) -> Steps[str]:
        rows = yield from self._fetch(query, *arguments, repeatable=repeatable)
        word: str = rows[0][0]
        return word

    def _fetch(self, query: str, *arguments: object, repeatable: bool = True) -> Steps[Rows]:
        return (yield from self._repeated(query, arguments, _Attempts(self.patience, repeatable=repeatable)))

    def _repeated(self, query: str, arguments: tuple[object, ...], attempts: _Attempts) -> Steps[Rows]:
        while True:
            try:
                return (yield from perform(Fetch(query, arguments)))
            except StoreError as error:
                pause = attempts.after(error)
            yield from perform(Pause(pause))


class _Admission:
    """What became of a submission."""

    __slots__ = ("hints", "outcome", "own", "previous", "value")

    def __init__(
        self, previous: bool, outcome: str | None, value: bytes | None, own: bool | None, hints: str | None
    ) -> None:
        self.previous = previous
        self.outcome = outcome
        self.value = value
        self.own = own
        self.hints = hints


class _Attempts:
    """When to try again what the database did not answer, and when to give up."""

    def __init__(self, patience: float, *, repeatable: bool = True) -> None:
        self._until = monotonic() + patience
        self._repeatable = repeatable
        self._pauses: Iterator[float] = (min(0.05 * 2**number, 1.0) for number in range(1_000_000))
        self.in_doubt = False
        """Whether one of the attempts may have been successful."""

    def after(self, error: StoreError) -> float:
        """Seconds to wait before the next attempt. Raises what the caller is told when there is none."""
        if isinstance(error, OutcomeUnknown):
            self.in_doubt = True
            if not self._repeatable:
                raise ConnectError(f"{error}. It may have been done or not") from error
        elif isinstance(error, Unstorable):
            raise HttpError(400, f"this cannot be stored: {error}") from error
        elif not isinstance(error, (Unavailable, TryAgain)) or isinstance(error, SchemaMoved):
            raise HttpError(500, f"the database refused the request: {error}") from error
        if monotonic() > self._until:
            if isinstance(error, TryAgain):  # somebody answered; over HTTP it is the same status
                raise HttpError(503, f"the request may be repeated: {error}") from error
            raise ConnectError(str(error)) from error
        return next(self._pauses)


def _value(outcome: str, value: bytes | None) -> bytes:
    if outcome == Outcome.FAILURE:
        raise failed(read_failure(value or b"{}"))
    return value or b""


def _check(refusal: refusals.Refusal | None) -> None:
    if refusal is not None:
        raise refused(refusal)
