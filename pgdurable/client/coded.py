"""A backend whose values pass through the application's codec, encoded and decoded on this side.

The ingress and the database see only what the codec made of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pgdurable.client.backend import State, StateChange
from pgdurable.client.steps import Resolve, perform
from pgdurable.failures import Failure
from pgdurable_sdk import ids
from pgdurable_sdk.codec import decode, encode, make_codec

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable.client.backend import Action, Backend, Place, Sent
    from pgdurable.client.invocation import Invocation
    from pgdurable.client.steps import Steps
    from pgdurable_sdk.codec import JournalValueCodec, JournalValueCodecProvider


class Coded:
    """Implements `Backend` around another one. A provider is asked for its codec once, when it is needed."""

    def __init__(self, inner: Backend, codec: JournalValueCodec | JournalValueCodecProvider) -> None:
        self._inner = inner
        self._given = codec
        self._made: JournalValueCodec | None = None

    def call(self, invocation: Invocation, seconds: float | None) -> Steps[bytes]:
        codec = yield from self._codec()
        body = yield from self._inner.call(_encoded(codec, invocation), seconds)
        return (yield from self._decode(body, f"the result of {invocation.target}"))

    def send(self, invocation: Invocation, connection: object) -> Steps[Sent]:
        codec = yield from self._codec()
        return (yield from self._inner.send(_encoded(codec, invocation), connection))

    def attach(self, id: UUID, seconds: float | None) -> Steps[bytes]:
        body = yield from self._inner.attach(id, seconds)
        return (yield from self._decode(body, f"the result of {ids.format_id(id)}"))

    def output(self, id: UUID) -> Steps[bytes | None]:
        body = yield from self._inner.output(id)
        if body is None:
            return None
        return (yield from self._decode(body, f"the result of {ids.format_id(id)}"))

    def control(self, action: Action, id: UUID) -> Steps[None]:
        return self._inner.control(action, id)

    def complete_awakeable(self, awakeable_id: str, result: bytes | Failure) -> Steps[None]:
        yield from self._inner.complete_awakeable(awakeable_id, (yield from self._encode(result)))

    def promise(self, place: Place, name: str) -> Steps[bytes | None]:
        value = yield from self._inner.promise(place, name)
        if value is None:
            return None
        return (yield from self._decode(value, f"the promise {name!r} of {place}"))

    def complete_promise(self, place: Place, name: str, result: bytes | Failure) -> Steps[None]:
        yield from self._inner.complete_promise(place, name, (yield from self._encode(result)))

    def state(self, place: Place) -> Steps[State]:
        state = yield from self._inner.state(place)
        values: dict[str, bytes] = {}
        for name, value in state.values.items():
            values[name] = yield from self._decode(value, f"the state {name!r} of {place}")
        return State(values, state.version)

    def change_state(self, place: Place, change: StateChange) -> Steps[None]:
        codec = yield from self._codec()
        values = {n: None if v is None else encode(codec, v) for n, v in change.values.items()}
        yield from self._inner.change_state(place, replace(change, values=values))

    # -- how -----------------------------------------------------------------------------------------------

    def _codec(self) -> Steps[JournalValueCodec | None]:
        if self._made is None:
            made: JournalValueCodec | None = yield from perform(Resolve(lambda: make_codec(self._given)))
            self._made = made
        return self._made

    def _encode(self, result: bytes | Failure) -> Steps[bytes | Failure]:
        codec = yield from self._codec()
        return result if isinstance(result, Failure) else encode(codec, result)

    def _decode(self, value: bytes, what: str) -> Steps[bytes]:
        codec = yield from self._codec()
        decoded: bytes = yield from perform(Resolve(lambda: decode(codec, value, what)))
        return decoded


def _encoded(codec: JournalValueCodec | None, invocation: Invocation) -> Invocation:
    return replace(invocation, input=encode(codec, invocation.input))
