"""A client's operations over HTTP, without a server."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from pgdurable import ConnectError, HttpError, TerminalError
from pgdurable.client import connect
from pgdurable.client.backend import Place, StateChange
from pgdurable.client.invocation import of_names
from pgdurable.client.over_http import OverHttp
from pgdurable.client.steps import Exchange, Response, Unanswered
from pgdurable_sdk import ids
from tests.unit.client.acting import Stage

if TYPE_CHECKING:
    from pgdurable.client.invocation import Invocation

ID = uuid.UUID("019a0000-0000-7abc-8000-000000000001")
TEXT = ids.format_id(ID)
OK = Response(200, b"1")
AWAY = Response(503, b"{}", 1.0)
REFUSED = Unanswered("connection refused", sent=False)
BROKEN = Unanswered("connection reset", sent=True)


def backend(patience: float = 10) -> OverHttp:
    made = OverHttp("http://in:8080/", "http://in:9070", {"authorization": "Bearer x"}, patience)
    Stage(OK).play(made.call(call(), None))  # somebody has answered before
    return made


def call(key: str | None = None, once: str | None = None, delay: timedelta | None = None) -> Invocation:
    return of_names("Shop", "buy", key, b"1", once, {"X-Tenant": "blue"}, delay)


def exchanged(stage: Stage) -> Exchange:
    step = stage.steps[-1]
    assert isinstance(step, Exchange)
    return step


def test_a_call_is_one_request() -> None:
    stage = Stage(OK)
    assert stage.play(backend().call(call("a", once="o"), 3)) == b"1"
    assert exchanged(stage) == Exchange(
        "POST",
        "http://in:8080/Shop/a/buy",
        {
            "authorization": "Bearer x",
            "x-tenant": "blue",
            "content-type": "application/json",
            "idempotency-key": "o",
        },
        b"1",
        3,
    )


@pytest.mark.parametrize(
    ("key", "segment"),
    [("a/b", "a%2Fb"), ("..", "%2E%2E"), ("ü ", "%C3%BC%20"), ("", ""), ("?#%", "%3F%23%25")],
)
def test_a_key_is_one_segment(key: str, segment: str) -> None:
    stage = Stage(OK)
    stage.play(backend().call(call(key), None))
    assert exchanged(stage).url == f"http://in:8080/Shop/{segment}/buy"


def test_a_delay_is_said_in_the_query() -> None:
    answer = {"invocationId": TEXT, "status": "Accepted", "executionTime": "2026-01-01T12:00:00Z"}
    stage = Stage(Response(202, msgspec.json.encode(answer)))
    sent = stage.play(backend().send(call(delay=timedelta(milliseconds=1500)), None))
    assert exchanged(stage).url == "http://in:8080/Shop/buy/send?delay=PT1.500000S"
    assert (sent.id, sent.status, sent.due is not None) == (ID, "Accepted", True)


def test_what_the_ingress_has_not_goes_to_the_admin_api() -> None:
    stage = Stage(Response(202, b""))
    stage.play(backend().control("purge_journal", ID))
    assert (exchanged(stage).method, exchanged(stage).url) == (
        "PATCH",
        f"http://in:9070/invocations/{TEXT}/purge-journal",
    )
    stage = Stage(Response(202, b""))
    stage.play(backend().change_state(Place("Shop", "a&b"), StateChange({"x": b"1", "y": None})))
    assert (exchanged(stage).method, msgspec.json.decode(exchanged(stage).body)) == (
        "PATCH",
        {"object_key": "a&b", "version": None, "new_state": {"x": [49], "y": None}},
    )


@pytest.mark.parametrize(
    ("url", "admin"),
    [
        ("http://localhost:8080", "http://localhost:9070"),
        ("https://in.example/x", "https://in.example:9070"),
        ("http://[::1]:8080", "http://[::1]:9070"),
    ],
)
def test_the_admin_api_is_beside_the_ingress(url: str, admin: str) -> None:
    stage = Stage(Response(202, b""))
    stage.play(connect(url).backend.control("kill", ID))
    assert exchanged(stage).url == f"{admin}/invocations/{TEXT}/kill"


# --- answers


def test_a_failure_of_the_invocation_is_a_terminal_error() -> None:
    body = b'{"code":1004,"message":"full","source":"invocation","metadata":{"a":"b"}}'
    with pytest.raises(TerminalError, match="full") as caught:
        Stage(Response(500, body)).play(backend().attach(ID, None))
    assert (caught.value.status_code, caught.value.metadata) == (1004, {"a": "b"})
    assert isinstance(caught.value, HttpError)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (404, b'{"code":404,"message":"invocation not found","source":"ingress"}', "invocation not found"),
        (409, b'{"message":"not running","restate_code":null}', "not running"),
        (413, b"<html>too large</html>", "<html>too large</html>"),
        (400, b"\xff", "�"),
    ],
)
def test_a_refusal_says_why(status: int, body: bytes, message: str) -> None:
    with pytest.raises(HttpError) as caught:
        Stage(Response(status, body)).play(backend().attach(ID, None))
    assert not isinstance(caught.value, TerminalError)
    assert (caught.value.status_code, caught.value.message) == (status, message)
    assert caught.value.body == body.decode(errors="replace")


def test_no_output_yet() -> None:
    assert Stage(Response(470, b"{}")).play(backend().output(ID)) is None


# --- no answers


def test_an_address_where_nobody_ever_answered_is_wrong() -> None:
    fresh = OverHttp("http://in:8080", "http://in:9070", {}, 10)
    with pytest.raises(ConnectError, match=r"nobody answers at http://in:8080: connection refused$"):
        Stage(REFUSED).play(fresh.attach(ID, None))


@pytest.mark.parametrize("nothing", [REFUSED, BROKEN, AWAY])
def test_what_may_be_repeated_is(nothing: object) -> None:
    stage = Stage(nothing, nothing, OK)
    assert stage.play(backend().call(call(once="o"), None)) == b"1"
    assert len(stage.pauses) == 2


def test_a_request_that_nobody_got_is_repeated_whatever_it_is() -> None:
    assert Stage(REFUSED, OK).play(backend().call(call(), None)) == b"1"


def test_a_call_that_somebody_may_have_got_is_not() -> None:
    with pytest.raises(ConnectError, match="may have been done or not"):
        Stage(BROKEN).play(backend().call(call(), None))
    with pytest.raises(HttpError) as caught:
        Stage(AWAY).play(backend().call(call(), None))
    assert caught.value.status_code == 503


def test_patience_ends() -> None:
    with pytest.raises(ConnectError):
        Stage(REFUSED).play(backend(patience=-1).attach(ID, None))


def test_a_late_answer() -> None:
    with pytest.raises(TimeoutError, match="Shop/buy has not completed within 3 s"):
        Stage(TimeoutError()).play(backend().call(call(), 3))
