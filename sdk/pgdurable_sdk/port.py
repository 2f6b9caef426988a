"""What lies between one attempt of a handler and whoever runs it: what goes in, what comes out, what it may
ask for.

The engine implements `Port` over its group-committing writer; tests implement it in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from msgspec import Struct

from pgdurable_sdk.ids import format_id
from pgdurable_sdk.journal.entries import Notification, Outcome, Recorded

if TYPE_CHECKING:
    from pgdurable_sdk.journal.entries import CallRequest, Entry


class Port(Protocol):
    """What an attempt needs from the engine. All of it is called from the event loop's thread."""

    def append(self, index: int, seen: int, entry: Entry) -> None:
        """Journal a command: it rides in the next batch and is not waited for. Raises `UnknownTarget` for a
        call that can go nowhere."""
        ...

    def propose(self, index: int, outcome: Outcome, value: bytes | None) -> None:
        """The result of a run whose command was journaled before. It comes back as a notification."""
        ...

    def begin_step(self) -> None:
        """A step is about to be executed, which may reach others. Raises `AttemptLost` when this attempt may
        be somebody else's by now."""
        ...

    async def committed(self) -> None:
        """Wait until all that was appended and proposed is durable. Raises `AttemptLost` when it never will
        be."""
        ...

    def invocation_id(self, request: CallRequest) -> UUID:
        """The id for a new call or send: made up, or derived where the target is deduplicated."""
        ...

    async def read_state(self, name: str) -> bytes | None:
        """One state value as committed, for attempts that were not given all of it."""
        ...

    async def read_state_keys(self) -> list[str]: ...

    def now(self) -> float:
        """The time that ``ctx.time()`` journals, in seconds since 1970."""
        ...


class Start(Struct, kw_only=True):
    """Everything an attempt begins with."""

    id: UUID
    input: bytes
    input_encoded: bool = False
    """By the codec of the app that submitted it."""
    key: str | None = None
    headers: dict[str, str] = {}
    trace_parent: str | None = None
    """Of the request that began it all: calls pass it on."""
    entries: list[Recorded] = []
    """The journal from index 0, the input; that one alone (or none) for a first attempt."""
    notifications: list[Notification] = []
    state: Mapping[str, bytes | None] = {}
    """None for what is known not to exist."""
    state_complete: bool = True
    """Whether what is not in ``state`` does not exist."""
    retry_count: int = 0
    """Failures since the journal last grew."""
    retry_seconds: float = 0.0
    """Since the first of these failures."""
    idempotency_key: str | None = None
    scope: str | None = None
    limit_key: str | None = None
    random_seed: int = 0

    @property
    def debug_id(self) -> str:
        """``inv_1...``, made when somebody asks: most handlers do not."""
        return format_id(self.id)


class Completed(Struct, frozen=True):
    """The handler returned (success, with its serialised result) or failed for good (failure, with JSON)."""

    outcome: Outcome
    value: bytes


class Suspended(Struct, frozen=True):
    """The handler waits; its memory is free."""

    awaiting: list[int] | None
    """Journal indexes, and signals n as -n, any of which may let it go on; None: anything may."""
    seen: int
    """Notifications it was fed. If there are more by now, it must not be put away."""


class Released(Struct, frozen=True):
    """Nothing is missing to go on: the invocation is to be run again, from its journal, at once."""

    seen: int
    """Notifications it was fed."""


class Failed(Struct, frozen=True, kw_only=True):
    """The attempt failed, and is to be retried."""

    code: int
    message: str
    stacktrace: str | None = None
    related_index: int | None = None
    related_name: str | None = None
    related_type: int | None = None
    retry_after: timedelta | None = None
    """None: the invocation's retry policy decides."""
    pause: bool = False
    """Retrying cannot help: wait for an operator."""


Ending = Completed | Suspended | Released | Failed
