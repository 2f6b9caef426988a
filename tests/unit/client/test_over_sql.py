"""A client's operations on the database, without one."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pgdurable import ConnectError, Context, HttpError, Service, TerminalError, Workflow, WorkflowContext
from pgdurable.client.invocation import of_handler, of_names
from pgdurable.client.over_sql import OverSql
from pgdurable.client.steps import Await, Fetch, Listen
from pgdurable.client.waits import Waits, watch
from pgdurable.store.errors import OutcomeUnknown, Refused, StoreError, TryAgain, Unavailable
from pgdurable.store.rows import HandlerRow, ResultRow
from pgdurable_sdk import ids
from pgdurable_sdk.handler import handler_of
from tests.unit.client.acting import Stage

if TYPE_CHECKING:
    from pgdurable.client.invocation import Invocation

greeter = Service("Greeter", idempotency_retention=timedelta(minutes=5))
signup = Workflow("Signup")
ID = uuid.UUID("019a0000-0000-7abc-8000-000000000001")


@greeter.handler()
async def greet(ctx: Context, name: str) -> str:
    return name


@signup.main(workflow_retention=timedelta(minutes=7))
async def run(ctx: WorkflowContext, name: str) -> str:
    return name


def registered() -> list[HandlerRow]:
    rows: list[HandlerRow] = []
    for service in (greeter, signup):
        manifest = service.manifest()
        for handler in manifest.handlers:
            definition = msgspec.json.encode(handler).decode()
            place = (service.name, manifest.type.value, "dp_1", True, handler.name)
            rows.append(HandlerRow(*place, handler.handler_type.value, "{}", definition))
    return rows


def greeting(once: str | None = None) -> Invocation:
    return of_handler(handler_of(greet), None, "Ada", once, {"X-Tenant": "blue"})


def running(key: str = "k") -> Invocation:
    return of_handler(handler_of(run), key, "Ada", None, None)


def admitted(
    previous: bool = False, outcome: str | None = None, value: bytes | None = None, own: bool = False
) -> Any:
    return [(previous, outcome, value, own, None)]


def result(step: Any) -> Any:
    assert isinstance(step, Await)
    return ResultRow(ID, "success", b'"Hello"')


def queries(stage: Stage) -> list[str]:
    return [step.query for step in stage.steps if isinstance(step, Fetch)]


def test_a_call_is_one_round_trip_and_a_wait() -> None:
    backend = OverSql(10)
    assert Stage(registered(), admitted(), result).play(backend.call(greeting(), None)) == b'"Hello"'
    stage = Stage(admitted(), result)
    stage.play(backend.call(greeting(), 3))
    fetch, wait = stage.steps
    assert isinstance(fetch, Fetch)
    assert (fetch.query, fetch.arguments[1:4], fetch.arguments[5]) == (
        "client_submit",
        ("Greeter", "greet", None),
        b'"Ada"',
    )
    assert msgspec.json.decode(str(fetch.arguments[6])) == {
        "headers": {"x-tenant": "blue", "content-type": "application/json"}
    }
    assert isinstance(wait, Await)
    assert wait.seconds == 3


def test_ids_and_retentions_are_those_of_the_ingress() -> None:
    for invocation, id, kept in (
        (greeting("once"), ids.derived_id("ik", "Greeter", None, "greet", "once"), 300),
        (running(), ids.derived_id("wf", "Signup", "k", None, None), 420),
    ):
        stage = Stage(registered(), admitted())
        assert stage.play(OverSql(10).send(invocation, None)).id == id
        submitted = stage.steps[1]
        assert isinstance(submitted, Fetch)
        assert (submitted.arguments[0], submitted.arguments[12:14]) == (id, (kept, kept))


def test_a_result_that_is_there_already_is_not_waited_for() -> None:
    stage = Stage(registered(), admitted(True, "success", b'"before"'))
    assert stage.play(OverSql(10).call(greeting("once"), None)) == b'"before"'


def test_a_failure_is_a_terminal_error() -> None:
    failure = b'{"code":418,"message":"tea","metadata":{"a":"b"}}'
    with pytest.raises(TerminalError, match="tea") as caught:
        Stage(registered(), admitted(True, "failure", failure)).play(OverSql(10).call(greeting("once"), None))
    assert (caught.value.status_code, caught.value.metadata) == (418, {"a": "b"})


def test_hints_are_announced_and_may_be_lost() -> None:
    stage = Stage(registered(), [(False, None, None, None, "{hint}")], Unavailable("gone"))
    stage.play(OverSql(10).send(greeting(), None))
    assert queries(stage) == ["handlers", "client_submit", "client_announce"]


@pytest.mark.parametrize("error", [Unavailable("away"), TryAgain("deadlock"), OutcomeUnknown("broke")])
def test_a_submission_is_repeated_under_its_id(error: StoreError) -> None:
    stage = Stage(registered(), error, admitted())
    stage.play(OverSql(10).send(greeting(), None))
    _, first, second = stage.steps
    assert first == second
    assert stage.pauses == [0.05]


def test_a_run_whose_answer_got_lost_is_ones_own() -> None:
    backend = OverSql(10)
    stage = Stage(registered(), OutcomeUnknown("broke"), admitted(previous=True, own=True), result)
    assert stage.play(backend.call(running(), None)) == b'"Hello"'


@pytest.mark.parametrize("own", [True, False])
def test_a_second_run_is_refused(own: bool) -> None:
    with pytest.raises(TerminalError, match="already invoked"):
        Stage(registered(), admitted(previous=True, own=own)).play(OverSql(10).call(running(), None))


def test_patience_ends() -> None:
    with pytest.raises(ConnectError, match="away"):
        Stage(registered(), Unavailable("away")).play(OverSql(-1).send(greeting(), None))


def test_patience_with_a_database_that_answers_ends_with_its_answer() -> None:
    with pytest.raises(HttpError, match="HTTP 503: the request may be repeated: deadlock"):
        Stage(registered(), TryAgain("deadlock")).play(OverSql(-1).send(greeting(), None))


def test_what_cannot_be_repeated_is_not() -> None:
    with pytest.raises(ConnectError, match="may have been done or not"):
        Stage(OutcomeUnknown("broke")).play(OverSql(10).control("kill", ID))
    Stage(OutcomeUnknown("broke"), [("accepted",)]).play(OverSql(10).control("cancel", ID))


def test_what_the_database_refuses() -> None:
    with pytest.raises(HttpError, match="permission denied"):
        Stage(Refused("permission denied")).play(OverSql(10).output(ID))


def test_an_unknown_handler_is_looked_up_once_more() -> None:
    backend = OverSql(10)
    for _ in range(2):
        with pytest.raises(HttpError, match="'shout' was not found"):
            Stage(registered()).play(backend.send(of_names("Greeter", "shout", None, b"", None, None), None))


# --- waiting


def test_a_wait_ends_with_what_is_announced_or_looked_up() -> None:
    waits = Waits()
    mine, other = waits.expect(ID), uuid.uuid4()
    assert waits.announced([f"result {ID}", f"result {other}", "result x", "route Greeter"]) == [ID]
    waits.look_soon()
    assert waits.due() == [ID]
    assert waits.due() == [], "not before some time has passed"
    waits.resolve([ResultRow(ID, "success", b"1")])
    assert mine.result(0) == ResultRow(ID, "success", b"1")
    assert waits.due() == []


def test_nobody_waits_any_more() -> None:
    waits = Waits()
    mine, cancelled = waits.expect(ID), waits.expect(ID)
    cancelled.cancel()
    waits.leave(ID, mine)
    waits.resolve([ResultRow(ID, "success", b"1")])
    assert not mine.done()


def test_the_watch_begins_again_and_looks_at_everything() -> None:
    waits = Waits()
    mine = waits.expect(ID)
    watching = watch(waits, 10)
    assert isinstance(next(watching), Listen)
    watching.send(None)
    watching.throw(OutcomeUnknown("broke"))
    assert isinstance(watching.send(None), Listen)
    look = watching.send(None)
    assert look.arguments == ([ID],)  # type: ignore[attr-defined]
    watching.send([(ID, "success", b"1")])
    assert mine.result(0).value == b"1"


def test_the_watch_gives_up_when_patience_ends() -> None:
    waits = Waits()
    mine = waits.expect(ID)
    watching = watch(waits, -1)
    next(watching)
    watching.throw(Unavailable("gone"))
    with pytest.raises(ConnectError, match="gone"):
        mine.result(0)
