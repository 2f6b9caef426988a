"""The engine as the ingress sees it: requests in, results out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from pgdurable import refusals
from pgdurable.engine.results import Result as EngineResult
from pgdurable.failures import Failure, read_failure, write_failure
from pgdurable.ingress import port
from pgdurable.store import uuids, verbs
from pgdurable.store.errors import OutcomeUnknown, StoreError, TryAgain, Unavailable
from pgdurable.store.rows import SignalRow
from pgdurable_sdk import ids
from pgdurable_sdk.handler import HandlerType
from pgdurable_sdk.journal.entries import Outcome
from pgdurable_sdk.scopes import scoped_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from uuid import UUID

    from pgdurable.engine.hints import Hints
    from pgdurable.engine.intake import Intake
    from pgdurable.engine.registry import Registry
    from pgdurable.engine.results import Results
    from pgdurable.engine.target import Target
    from pgdurable.store.lane import Lane
    from pgdurable.store.listener import Listener
    from pgdurable.store.rows import AdmissionRow, SubmissionRow


T = TypeVar("T")


class Gateway:
    """Implements the ingress's ``Engine``."""

    def __init__(
        self,
        process: UUID,
        lane: Lane,
        registry: Registry,
        intake: Intake,
        results: Results,
        hints: Hints,
        listener: Listener,
        now: Callable[[], float],
    ) -> None:
        self._process = process
        self._lane = lane
        self._registry = registry
        self._intake = intake
        self._results = results
        self._hints = hints
        self._listener = listener
        self._now = now
        self._infos: dict[tuple[str, str], tuple[Target, port.HandlerInfo]] = {}

    @property
    def ready(self) -> bool:
        """Whether requests can be taken: while the listening connection is away, so is the database. Where
        there never is one, the last look at what can be called tells.
        """
        return self._registry.fresh if self._listener.silent else not self._listener.deaf

    # -- names ---------------------------------------------------------------------------------------------

    def find_service(self, name: str) -> bool:
        """Whether anybody serves it."""
        return self._registry.knows(name)

    def service_names(self) -> list[str]:
        """All that is served."""
        return self._registry.services

    def find_handler(self, service: str, handler: str) -> port.HandlerInfo | None:
        """What the ingress needs to know of a handler."""
        target = self._registry.find(service, handler)
        if target is None:
            return None
        known = self._infos.get((service, handler))
        if known is None or known[0] is not target:
            known = self._infos[service, handler] = (target, _info(target))
        return known[1]

    def invocation_id(self, text: str) -> UUID:
        """Raises ValueError, which says what is wrong with the text."""
        return ids.parse_id(text)

    def invocation_text(self, id: UUID) -> str:
        """The text form."""
        return ids.format_id(id)

    def idempotent_id(
        self, service: str, key: str | None, handler: str, idempotency_key: str, scope: str | None = None
    ) -> UUID:
        """The id of an invocation with an idempotency key."""
        return ids.derived_id("ik", service, scoped_key(scope, key), handler, idempotency_key)

    def workflow_id(self, service: str, key: str, scope: str | None = None) -> UUID:
        """The id of a workflow's run."""
        return ids.derived_id("wf", service, scoped_key(scope, key), None, None)

    # -- invocations ---------------------------------------------------------------------------------------

    async def send(self, request: port.Request) -> port.Accepted:
        """Admit an invocation; nobody waits for its result."""
        row = self._submission(request, origin=None)
        admission = await self._submit(row)
        due = self._time() + request.delay if request.delay and not admission.previous else None
        return port.Accepted(row.id, ids.format_id(row.id), admission.previous, due)

    async def call(self, request: port.Request) -> port.Called:
        """Admit an invocation, or join the one with the same idempotency key, and wait for its end."""
        row = self._submission(request, origin=self._process)
        waiting = self._results.expect(row.id)
        try:
            admission = await self._submit(row)
            if admission.previous and row.handler_type == HandlerType.WORKFLOW:
                result: port.Result = port.Failure(*refusals.workflow_already_invoked())
            elif admission.outcome is not None:
                result = _result(EngineResult(admission.outcome, admission.value or b""))
            else:
                result = _result(await waiting)
        finally:
            self._results.leave(row.id, waiting)
        expires = self._time() + timedelta(seconds=row.retention) if row.idempotency_key else None
        return port.Called(row.id, ids.format_id(row.id), result, admission.previous, expires)

    async def attach(self, id: UUID, *, encoded: bool = False) -> port.Result | None:
        """Wait for the end of an invocation; None if there is no such invocation."""
        waiting = self._results.expect(id)
        try:
            awaited = await self._guard(verbs.await_result(self._lane, id, self._process))
            if awaited.status is None:
                return None
            if awaited.outcome is not None:
                return _result(EngineResult(awaited.outcome, awaited.value or b""))
            return _result(await waiting)
        finally:
            self._results.leave(id, waiting)

    async def output(self, id: UUID, *, encoded: bool = False) -> port.Result | port.Pending | None:
        """The result of an invocation if there is one already."""
        awaited = await self._guard(verbs.await_result(self._lane, id, None))
        if awaited.status is None:
            return None
        if awaited.outcome is None:
            return port.Pending()
        return _result(EngineResult(awaited.outcome, awaited.value or b""))

    async def complete_awakeable(
        self, awakeable_id: str, result: port.Result, *, encoded: bool = False
    ) -> bool:
        """Resolve or reject an awakeable. False if its invocation is not there. Raises ValueError for a bad
        id.
        """
        id, index = ids.parse_awakeable_id(awakeable_id)
        match result:
            case port.Success(value):
                row = SignalRow(id, "notify", index, None, Outcome.SUCCESS, value)
            case port.Failure(code, message):
                failure = write_failure(Failure(code, message))
                row = SignalRow(id, "notify", index, None, Outcome.FAILURE, failure)
        signalled = await self._guard(verbs.signal(self._lane, [row]))
        self._hints.deliver(signalled.delivered)
        self._hints.pass_on(signalled.hints)
        return signalled.answers[0].result != "not_found"

    # -- how -----------------------------------------------------------------------------------------------

    def _submission(self, request: port.Request, origin: UUID | None) -> SubmissionRow:
        info = request.info
        target = self._registry.find(info.service, info.handler)
        assert target is not None, "the ingress asked for this handler a moment ago"
        return target.submission(
            request.key,
            request.body,
            headers=_merged(request.headers),
            idempotency_key=request.idempotency_key,
            delay=request.delay or None,
            origin=origin,
            trace_parent=request.traceparent,
            scope=request.scope,
            limit_key=request.limit_key,
            make_id=uuids.invocation_id,
        )

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)

    async def _submit(self, row: SubmissionRow) -> AdmissionRow:
        return await self._guard(self._intake.submit(row))

    async def _guard(self, call: Awaitable[T]) -> T:
        """What clients are told when the database does not answer, or not with what they asked for."""
        try:
            return await call
        except TryAgain as error:
            raise port.EngineUnavailable(f"the request may be repeated: {error}", 1) from error
        except (Unavailable, OutcomeUnknown) as error:
            raise port.EngineUnavailable(
                "the database cannot be reached at the moment; with an idempotency key it is safe to retry", 1
            ) from error
        except StoreError as error:
            raise port.EngineUnavailable(
                "the database refused the request; the server's log says why", 5
            ) from error


def _info(target: Target) -> port.HandlerInfo:
    manifest = target.manifest
    return port.HandlerInfo(
        service=target.service,
        handler=manifest.name,
        service_type=target.service_type.value,
        handler_type=manifest.handler_type.value,
        public=target.public,
        input_required=manifest.input is not None and manifest.input.required,
        input_content_type=None if manifest.input is None else manifest.input.content_type,
        output_content_type=manifest.output.content_type,
        encoded=manifest.encoded,
    )


def _merged(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers that come several times are one with commas, as HTTP has it."""
    merged: dict[str, str] = {}
    for name, value in headers:
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return merged


def _result(result: EngineResult) -> port.Result:
    if result.outcome == Outcome.FAILURE:
        failure = read_failure(result.value)
        return port.Failure(failure.code, failure.message, failure.metadata)
    return port.Success(result.value)
