"""What a client can do, over a database or over HTTP. Operations are generators, see `steps`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from pgdurable import refusals
from pgdurable.client.errors import need
from pgdurable_sdk.scopes import scoped_key

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pgdurable.client.invocation import Invocation
    from pgdurable.client.steps import Steps
    from pgdurable.failures import Failure

Action = Literal["cancel", "kill", "pause", "resume", "purge", "purge_journal"]
SendStatus = Literal["Accepted", "PreviouslyAccepted"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A send is durable."""

    id: UUID
    status: SendStatus
    due: datetime | None = None
    """When a delayed one starts."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """Values to set, None to clear; with ``replace`` all others are cleared. Only if the state is the
    ``version``, if there is one."""

    values: dict[str, bytes | None]
    replace: bool = False
    version: str | None = None

    def __post_init__(self) -> None:
        for name in self.values:
            need(refusals.of_name(name, "name of state"))


@dataclass(frozen=True, slots=True)
class State:
    """All state of a key."""

    values: dict[str, bytes]
    version: str


class Place(NamedTuple):
    """What has state and promises: a virtual object or a workflow."""

    service: str
    key: str
    scope: str | None = None

    @property
    def stored(self) -> tuple[str, str]:
        """The service, and the key with its scope."""
        return self.service, scoped_key(self.scope, self.key) or ""

    def __str__(self) -> str:
        return f"{self.service}/{self.key}" + ("" if self.scope is None else f" in scope {self.scope}")


def place_of(service: str, key: str, scope: str | None) -> Place:
    """Raises HttpError (400) for a key or a scope that cannot be one."""
    need(refusals.of_key(key))
    need(refusals.of_scope(scope))
    return Place(service, key, scope)


class Backend(Protocol):
    """Everything raises `HttpError` where it is refused, and `ConnectError` where nobody answers.

    ``seconds`` is how long to wait; beyond, TimeoutError.
    """

    def call(self, invocation: Invocation, seconds: float | None) -> Steps[bytes]:
        """Invoke, and wait for the output."""
        ...

    def send(self, invocation: Invocation, connection: object) -> Steps[Sent]:
        """Invoke."""
        ...

    def attach(self, id: UUID, seconds: float | None) -> Steps[bytes]:
        """Wait for the output."""
        ...

    def output(self, id: UUID) -> Steps[bytes | None]:
        """The output, None while there is none."""
        ...

    def control(self, action: Action, id: UUID) -> Steps[None]:
        """Do something to an invocation."""
        ...

    def complete_awakeable(self, awakeable_id: str, result: bytes | Failure) -> Steps[None]:
        """Give what a handler waits for."""
        ...

    def promise(self, place: Place, name: str) -> Steps[bytes | None]:
        """The value of a durable promise, None while it has none. Raises TerminalError where it was
        rejected."""
        ...

    def complete_promise(self, place: Place, name: str, result: bytes | Failure) -> Steps[None]:
        """Complete a durable promise."""
        ...

    def state(self, place: Place) -> Steps[State]:
        """All state of a key."""
        ...

    def change_state(self, place: Place, change: StateChange) -> Steps[None]:
        """Change it."""
        ...
