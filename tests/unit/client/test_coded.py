"""A client of an application with a codec: what leaves it is encoded, what comes is decoded."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from pgdurable import CodecError, JournalValueCodec
from pgdurable.client.backend import Place, Sent, State, StateChange
from pgdurable.client.coded import Coded
from pgdurable.client.invocation import of_names
from pgdurable.client.steps import Resolve
from pgdurable.failures import Failure
from tests.unit.client.acting import Stage

if TYPE_CHECKING:
    from pgdurable.client.backend import Action, Backend
    from pgdurable.client.invocation import Invocation
    from pgdurable.client.steps import Step, Steps

ID = uuid.UUID("019a0000-0000-7abc-8000-000000000001")
FAILURE = Failure(409, "no")
PLACE = Place("S", "k")


class Backwards(JournalValueCodec):
    def encode(self, buf: bytes) -> bytes:
        return b"<" + buf[::-1]

    async def decode(self, buf: bytes) -> bytes:
        if not buf.startswith(b"<"):
            raise ValueError("it has no mark")
        return buf[:0:-1]


class Inner:
    """Gives what it was given last."""

    def __init__(self, stored: bytes | None = None) -> None:
        self.stored: bytes | Failure | None = stored
        self.changed: StateChange | None = None

    def _read(self) -> bytes:
        assert isinstance(self.stored, bytes)
        return self.stored

    def call(self, invocation: Invocation, seconds: float | None) -> Steps[bytes]:
        self.stored = invocation.input
        return self._read()
        yield

    def send(self, invocation: Invocation, connection: object) -> Steps[Sent]:
        self.stored = invocation.input
        return Sent(ID, "Accepted")
        yield

    def attach(self, id: uuid.UUID, seconds: float | None) -> Steps[bytes]:
        return self._read()
        yield

    def output(self, id: uuid.UUID) -> Steps[bytes | None]:
        return None if self.stored is None else self._read()
        yield

    def control(self, action: Action, id: uuid.UUID) -> Steps[None]:
        return
        yield

    def complete_awakeable(self, awakeable_id: str, result: bytes | Failure) -> Steps[None]:
        self.stored = result
        return
        yield

    def promise(self, place: Place, name: str) -> Steps[bytes | None]:
        return None if self.stored is None else self._read()
        yield

    def complete_promise(self, place: Place, name: str, result: bytes | Failure) -> Steps[None]:
        self.stored = result
        return
        yield

    def state(self, place: Place) -> Steps[State]:
        return State({"a": self._read(), "empty": b""}, "v")
        yield

    def change_state(self, place: Place, change: StateChange) -> Steps[None]:
        self.changed = change
        return
        yield


def carried_out(step: Step[object]) -> object:
    """What a performer does with a step."""
    assert isinstance(step, Resolve)
    try:
        step.make().send(None)
    except StopIteration as end:
        return end.value
    except CodecError as error:
        return error
    raise AssertionError("it waits for something")


def coded(inner: Backend) -> Coded:
    return Coded(inner, Backwards())


def stage(steps: int = 2) -> Stage:
    """The codec is made, and something decoded."""
    return Stage(*[carried_out] * steps)


def test_a_call() -> None:
    inner = Inner()
    assert stage().play(coded(inner).call(of_names("S", "h", None, b"abc", None, None), None)) == b"abc"
    assert inner.stored == b"<cba"


def test_results_that_are_there() -> None:
    assert stage().play(coded(Inner(b"<cba")).attach(ID, None)) == b"abc"
    assert stage().play(coded(Inner(b"<cba")).output(ID)) == b"abc"
    assert stage().play(coded(Inner(b"<cba")).promise(PLACE, "p")) == b"abc"
    assert stage(0).play(coded(Inner()).output(ID)) is None
    assert stage(0).play(coded(Inner()).promise(PLACE, "p")) is None


@pytest.mark.parametrize(("given", "stored"), [(b"abc", b"<cba"), (FAILURE, FAILURE), (b"", b"")])
def test_what_handlers_wait_for(given: bytes | Failure, stored: bytes | Failure) -> None:
    inner = Inner()
    stage(1).play(coded(inner).complete_awakeable("sign_1", given))
    assert inner.stored == stored
    stage(1).play(coded(inner).complete_promise(PLACE, "p", given))
    assert inner.stored == stored


def test_state() -> None:
    inner = Inner(b"<cba")
    assert stage(3).play(coded(inner).state(PLACE)) == State({"a": b"abc", "empty": b""}, "v")
    stage(1).play(coded(inner).change_state(PLACE, StateChange({"a": b"abc", "b": None}, version="v")))
    assert inner.changed == StateChange({"a": b"<cba", "b": None}, version="v")


def test_a_codec_is_made_once() -> None:
    made: list[Backwards] = []

    async def provide() -> JournalValueCodec:
        made.append(Backwards())
        return made[-1]

    backend = Coded(Inner(b"<cba"), provide)
    for steps in (2, 1):
        stage(steps).play(backend.attach(ID, None))
    assert len(made) == 1


def test_what_another_codec_made() -> None:
    with pytest.raises(CodecError, match=r"the result of inv_1\w+ cannot be decoded"):
        stage().play(coded(Inner(b"cba")).attach(ID, None))
