"""One constructor per command: which fields of an `Entry` it uses, and what for.

Values are bytes already, ids are chosen already: nothing here decides anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pgdurable_sdk.journal.entries import CANCEL, CallRequest, Entry, EntryType, Outcome

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID

# Looking a member up in its class costs as much as comparing it; steps are issued by the hundred thousand.
_RUN = EntryType.RUN
_GET_EAGER_STATE = EntryType.GET_EAGER_STATE

_encode = msgspec.json.Encoder(order="deterministic").encode


def detail(**parts: object) -> str | None:
    """Canonical JSON of what is given, so that equal details are equal texts."""
    given = {name: part for name, part in parts.items() if part}
    return _encode(given).decode() if given else None


def failure(code: int, message: str, metadata: dict[str, str] | None = None) -> bytes:
    """The value of an entry or notification whose outcome is ``failure``."""
    fields: dict[str, object] = {"code": code, "message": sayable(message)}
    if metadata:
        fields["metadata"] = {sayable(name): sayable(value) for name, value in metadata.items()}
    return msgspec.json.encode(fields)


def sayable(text: object) -> str:
    """``text`` as it can be stored: an error may say anything, and must not fail to be said. JSON has no lone
    surrogates, PostgreSQL no NUL."""
    return str(text).encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


# State: the name is the state key, ``entry_name`` what the author calls this access.


def get_state(name: str, value: bytes | None, *, lazy: bool = False, entry_name: str | None = None) -> Entry:
    """A read with its result: read from the eager map, or from the database where the map was incomplete."""
    type = EntryType.GET_LAZY_STATE if lazy else _GET_EAGER_STATE
    outcome = Outcome.VOID if value is None else Outcome.SUCCESS
    return Entry(type, name, outcome=outcome, value=value, detail=detail(name=entry_name))


def get_state_keys(keys: list[str], *, lazy: bool = False, entry_name: str | None = None) -> Entry:
    """The names of all state, sorted, as a JSON list in the value."""
    type = EntryType.GET_LAZY_STATE_KEYS if lazy else EntryType.GET_EAGER_STATE_KEYS
    return Entry(
        type, outcome=Outcome.SUCCESS, value=msgspec.json.encode(keys), detail=detail(name=entry_name)
    )


def set_state(name: str, value: bytes, *, entry_name: str | None = None) -> Entry:
    return Entry(EntryType.SET_STATE, name, value=value, detail=detail(name=entry_name))


def clear_state(name: str, *, entry_name: str | None = None) -> Entry:
    return Entry(EntryType.CLEAR_STATE, name, detail=detail(name=entry_name))


def clear_all_state(*, entry_name: str | None = None) -> Entry:
    return Entry(EntryType.CLEAR_ALL_STATE, detail=detail(name=entry_name))


# Steps and time.


def run(name: str) -> Entry:
    """A step journaled before it is done. Its result comes as a notification."""
    return Entry(_RUN, name)


def run_done(name: str, outcome: Outcome, value: bytes) -> Entry:
    """A step journaled when it is done, with its result: one row."""
    return Entry(_RUN, name, outcome=outcome, value=value)


def sleep(delay: timedelta, name: str | None = None) -> Entry:
    return Entry(EntryType.SLEEP, name, delay=delay)


# Other invocations.


def call(request: CallRequest, target_id: UUID) -> Entry:
    """Start an invocation and be notified of its result. The value is its parameter."""
    return _start(EntryType.CALL, request, target_id, None)


def one_way_call(request: CallRequest, target_id: UUID, delay: timedelta | None = None) -> Entry:
    """Start an invocation, after ``delay`` if any, and hear no more of it."""
    return _start(EntryType.ONE_WAY_CALL, request, target_id, delay)


def attach_invocation(target_id: UUID) -> Entry:
    """Be notified of the result of an invocation that exists."""
    return Entry(EntryType.ATTACH_INVOCATION, target_id=target_id)


def get_invocation_output(target_id: UUID) -> Entry:
    """Be notified at once of the result of an invocation, void if it is not completed."""
    return Entry(EntryType.GET_INVOCATION_OUTPUT, target_id=target_id)


def cancel(target_id: UUID) -> Entry:
    """Send an invocation the signal CANCEL."""
    return Entry(
        EntryType.SEND_SIGNAL,
        target_id=target_id,
        outcome=Outcome.VOID,
        detail=detail(signal=CANCEL),
        signal=CANCEL,
    )


def send_signal(target_id: UUID, name: str, outcome: Outcome, value: bytes | None) -> Entry:
    """Complete a named signal of an invocation."""
    return Entry(EntryType.SEND_SIGNAL, name, target_id=target_id, outcome=outcome, value=value)


def complete_awakeable(target_id: UUID, signal: int, outcome: Outcome, value: bytes | None) -> Entry:
    """Complete an awakeable: an unnamed signal, whose number came in the awakeable's id."""
    return Entry(
        EntryType.COMPLETE_AWAKEABLE,
        target_id=target_id,
        outcome=outcome,
        value=value,
        detail=detail(signal=signal),
        signal=signal,
    )


# Durable promises of a workflow: the name is the promise's.


def get_promise(name: str) -> Entry:
    """Be notified when the promise is completed."""
    return Entry(EntryType.GET_PROMISE, name)


def peek_promise(name: str) -> Entry:
    """Be notified at once of the promise's value, void if it is not completed."""
    return Entry(EntryType.PEEK_PROMISE, name)


def complete_promise(name: str, outcome: Outcome, value: bytes) -> Entry:
    """Complete the promise. Answered by a notification: void, or a failure if somebody did it before."""
    return Entry(EntryType.COMPLETE_PROMISE, name, outcome=outcome, value=value)


def _start(type: EntryType, request: CallRequest, target_id: UUID, delay: timedelta | None) -> Entry:
    where = (request.service, request.handler)
    scoped = {} if request.scope is None else {"scope": request.scope, "limit_key": request.limit_key}
    return Entry(
        type,
        target="/".join(where if request.key is None else (request.service, request.key, request.handler)),
        target_id=target_id,
        delay=delay,
        value=request.parameter,
        detail=detail(headers=request.headers, idempotency_key=request.idempotency_key, **scoped),
        request=request,
    )
