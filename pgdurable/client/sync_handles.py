"""What a blocking client gives for an invocation, a durable promise and the state of a key.

Made from `handles.py` by `make twin`; not edited by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from pgdurable import refusals
from pgdurable.client.backend import StateChange
from pgdurable.client.errors import need
from pgdurable.failures import Failure
from pgdurable_sdk import ids
from pgdurable_sdk.serde import DEFAULT, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from typing_extensions import TypeVar as TypeVarWithDefault

    from pgdurable.client.backend import Action, Backend, Place, SendStatus, Sent
    from pgdurable.client.steps import Steps
    from pgdurable_sdk.serde import Serde

    # What no argument tells the type of is Any. Only for checkers, which know typing_extensions without its
    # being here.
    O = TypeVarWithDefault("O", default=Any)  # noqa: E741
    T = TypeVarWithDefault("T", default=Any)
else:
    O = TypeVar("O")  # noqa: E741
    T = TypeVar("T")
R = TypeVar("R")


class Runs(Protocol):
    """The client that a handle belongs to."""

    backend: Backend

    def run(self, steps: Steps[R]) -> R:
        """Carry out an operation."""
        ...


class SyncInvocationHandle(Generic[O]):
    """An invocation that exists, or may exist. ``O`` is what its handler returns."""

    def __init__(self, client: Runs, invocation_id: str, serde: Serde[O]) -> None:
        self._client = client
        self._id = ids.parse_id(invocation_id)
        self._serde = serde
        self.invocation_id = invocation_id
        """``inv_1...``, as everything else knows it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.invocation_id}>"

    def attach(self, timeout: timedelta | None = None) -> O:
        """Wait for the result.

        Raises TerminalError if the invocation failed for good, HttpError (404) if there is none, and
        TimeoutError after ``timeout``: the invocation goes on then.
        """
        steps = self._client.backend.attach(self._id, seconds_of(timeout))
        return cast(O, self._serde.deserialize(self._client.run(steps)))

    def output(self) -> O | None:
        """The result if the invocation has completed, else None.

        Raises TerminalError if the invocation failed for good, and HttpError (404) if there is none.
        """
        body = self._client.run(self._client.backend.output(self._id))
        return None if body is None else self._serde.deserialize(body)

    def cancel(self) -> None:
        """Ask it to stop: what its handler waits for raises, so that it can compensate and end.

        Raises HttpError where there is no such invocation (404), or it has completed (409).
        """
        self._control("cancel")

    def kill(self) -> None:
        """End it and the calls that it waits for at once, without compensation.

        Raises HttpError where there is no such invocation (404), or it has completed (409).
        """
        self._control("kill")

    def pause(self) -> None:
        """Stop it where it is, until it is resumed.

        Raises HttpError where there is no such invocation (404), or it is not running (409).
        """
        self._control("pause")

    def resume(self) -> None:
        """Run it now: a paused one, or one that waits for its next attempt.

        Raises HttpError where there is no such invocation (404), it has not begun (425) or has completed
        (409).
        """
        self._control("resume")

    def purge(self) -> None:
        """Forget a completed invocation: result, journal, and idempotency or workflow key.

        Raises HttpError where there is no such invocation (404), or it has not completed (409).
        """
        self._control("purge")

    def purge_journal(self) -> None:
        """Forget the journal of a completed invocation. Its result is kept.

        Raises HttpError where there is no such invocation (404), or it has not completed (409).
        """
        self._control("purge_journal")

    def _control(self, action: Action) -> None:
        self._client.run(self._client.backend.control(action, self._id))


class SyncClientSendHandle(SyncInvocationHandle[O]):
    """An invocation that was started by a send."""

    def __init__(self, client: Runs, sent: Sent, serde: Serde[O]) -> None:
        super().__init__(client, ids.format_id(sent.id), serde)
        self.status: SendStatus = sent.status
        """``Accepted``, or ``PreviouslyAccepted``: it was there, by its idempotency or workflow key."""
        self.status_code = 200
        """Always: it is here as Restate's client has it. ``status`` says more."""
        self.execution_time: datetime | None = sent.due
        """When it starts, if it was delayed."""


class SyncPromiseHandle(Generic[T]):
    """A durable promise of a workflow."""

    def __init__(self, client: Runs, place: Place, name: str, serde: Serde[T]) -> None:
        need(refusals.of_name(name, "name of a promise"))
        self._client = client
        self._place = place
        self._name = name
        self._serde = serde

    def peek(self) -> T | None:
        """Its value, None while it has none. Raises TerminalError if it was rejected."""
        body = self._client.run(self._client.backend.promise(self._place, self._name))
        return None if body is None else self._serde.deserialize(body)

    def resolve(self, value: T) -> None:
        """Give it a value: who waits for it goes on. Raises HttpError (409) if it was completed before."""
        self._complete(self._serde.serialize(value))

    def reject(self, message: str, code: int = 500) -> None:
        """Fail it: who waits for it gets a TerminalError with this message and code.

        Raises HttpError (409) if it was completed before.
        """
        self._complete(Failure(code, message))

    def _complete(self, result: bytes | Failure) -> None:
        self._client.run(self._client.backend.complete_promise(self._place, self._name, result))


class SyncStateHandle:
    """The state of one key of a virtual object or workflow.

    It can be changed between two invocations only: whoever has the key also has its state. Every method that
    changes it raises HttpError (409) while an invocation has the key, or a workflow has not ended, and (404)
    where there is no such object or workflow.
    """

    def __init__(self, client: Runs, place: Place) -> None:
        self._client = client
        self._place = place

    def get(self, name: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None) -> T | None:
        """One value, None where there is none."""
        body = (self._client.run(self._client.backend.state(self._place))).values.get(name)
        return None if body is None else resolve(serde, type_hint).deserialize(body)

    def get_all(self, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None) -> dict[str, T]:
        """All values by their names."""
        values = (self._client.run(self._client.backend.state(self._place))).values
        reader = resolve(serde, type_hint)
        return {name: cast(T, reader.deserialize(value)) for name, value in values.items()}

    def version(self) -> str:
        """What the state is called now, to be given to `replace`."""
        return (self._client.run(self._client.backend.state(self._place))).version

    def set(self, name: str, value: T, serde: Serde[T] = DEFAULT) -> None:
        """Set one value."""
        self._change(StateChange({name: serde.serialize(value)}))

    def clear(self, name: str) -> None:
        """Remove one value."""
        self._change(StateChange({name: None}))

    def clear_all(self) -> None:
        """Remove all values."""
        self._change(StateChange({}, replace=True))

    def replace(self, values: Mapping[str, T], version: str | None = None, serde: Serde[T] = DEFAULT) -> None:
        """Make these all the values that there are; with a ``version``, only if the state is still that one.

        Raises HttpError (409) if it is not, too.
        """
        written = {name: serde.serialize(value) for name, value in values.items()}
        self._change(StateChange({**written}, replace=True, version=version))

    def _change(self, change: StateChange) -> None:
        self._client.run(self._client.backend.change_state(self._place, change))


def seconds_of(timeout: timedelta | None) -> float | None:
    """As timers take them."""
    return None if timeout is None else timeout.total_seconds()
