"""What a journal is made of: commands as issued, commands as recorded, and notifications.

One flat record per role rather than a class per command: the table they are stored in is flat, the engine
moves them in arrays, and the few commands that need something special carry it in ``detail``. ``commands.py``
has one constructor per command, which says what fields it uses.
"""

from __future__ import annotations

from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from pgdurable_sdk.scopes import scoped_key

if TYPE_CHECKING:
    from uuid import UUID  # noqa: TC004  (the kernel must not import uuid; nothing evaluates these annotations)

CANCEL = 1
"""The signal that asks an invocation to stop."""

FIRST_AWAKEABLE = 17
"""Signals below are reserved, as in Restate; awakeables count from here."""


class EntryType(IntEnum):
    """Restate's commands by the numbers of their messages. A notification has the number of what it
    completes."""

    INPUT = 0x400
    OUTPUT = 0x401
    GET_LAZY_STATE = 0x402
    SET_STATE = 0x403
    CLEAR_STATE = 0x404
    CLEAR_ALL_STATE = 0x405
    GET_LAZY_STATE_KEYS = 0x406
    GET_EAGER_STATE = 0x407
    GET_EAGER_STATE_KEYS = 0x408
    GET_PROMISE = 0x409
    PEEK_PROMISE = 0x40A
    COMPLETE_PROMISE = 0x40B
    SLEEP = 0x40C
    CALL = 0x40D
    ONE_WAY_CALL = 0x40E
    SEND_SIGNAL = 0x410
    RUN = 0x411
    ATTACH_INVOCATION = 0x412
    GET_INVOCATION_OUTPUT = 0x413
    COMPLETE_AWAKEABLE = 0x414
    SIGNAL = 0x7BFF
    """Only ever a notification."""

    @property
    def title(self) -> str:
        """``GetLazyState`` for ``GET_LAZY_STATE``: as Restate's tools show it."""
        return "".join(word.capitalize() for word in self.name.split("_"))


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    """The value is JSON: ``{"code": 500, "message": "...", "metadata": {...}}``."""
    VOID = "void"
    """Completed with nothing: no such key, a timer that fired, a signal without payload."""


class CallRequest(Struct, frozen=True, gc=False):
    """Everything needed to start the invocation of a call or a send."""

    service: str
    handler: str
    key: str | None
    parameter: bytes
    headers: dict[str, str]
    idempotency_key: str | None = None
    scope: str | None = None
    limit_key: str | None = None

    @property
    def stored_key(self) -> str | None:
        """With the scope: what the engine knows of both."""
        return self.key if self.scope is None else scoped_key(self.scope, self.key)


class Entry(Struct, frozen=True):
    """A command as a handler issues it. What is compared at replay is ``mismatch.differs``."""

    type: EntryType
    name: str | None = None
    """State key, run, promise, signal, or the name the handler's author gave the entry."""
    target: str | None = None
    """``Service/handler`` or ``Service/key/handler``, of a call or a send."""
    target_id: UUID | None = None
    """The invocation that is called, sent, signalled or attached to."""
    delay: timedelta | None = None
    """Of a sleep or a delayed send; the database's clock makes a time of it."""
    outcome: Outcome | None = None
    value: bytes | None = None
    """With ``outcome`` the result inside the row, or what is to be set, passed or delivered."""
    detail: str | None = None
    """Canonical JSON: headers, idempotency key, scope, limit key, number of a signal."""
    request: CallRequest | None = None
    """Of a call or a send, for the engine; not stored, the other fields say the same."""
    signal: int | None = None
    """Of an unnamed signal, for the engine; stored in ``detail``."""


class Recorded(Struct, frozen=True):
    """A row of the journal, read back."""

    index: int
    type: int
    seen: int
    """How many notifications the handler had been fed when it issued this."""
    name: str | None = None
    target: str | None = None
    target_id: UUID | None = None
    wake_at: object = None
    outcome: str | None = None
    value: bytes | None = None
    detail: str | None = None


class Notification(Struct, frozen=True, gc=False):
    """What others deliver: a result, a fired timer, a signal. ``seq`` counts from 1, without gaps."""

    seq: int
    type: int
    index: int | None
    """Of the command it completes, or the number of an unnamed signal."""
    name: str | None
    """Of a named signal."""
    outcome: str
    value: bytes | None
