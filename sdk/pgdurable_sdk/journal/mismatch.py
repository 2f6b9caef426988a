"""Whether a handler does what its journal says it did, and what to tell its author when it does not."""

from __future__ import annotations

from typing import Final

from pgdurable_sdk.exceptions import JournalMismatch
from pgdurable_sdk.journal.entries import Entry, EntryType, Recorded

_PARAMETERS: Final = frozenset(
    {
        EntryType.SET_STATE,
        EntryType.CALL,
        EntryType.ONE_WAY_CALL,
        EntryType.SEND_SIGNAL,
        EntryType.COMPLETE_AWAKEABLE,
        EntryType.COMPLETE_PROMISE,
    }
)
"""Commands whose outcome and value are what the handler gave, not what it got."""

_ADDRESSED: Final = frozenset(
    {
        EntryType.SEND_SIGNAL,
        EntryType.COMPLETE_AWAKEABLE,
        EntryType.ATTACH_INVOCATION,
        EntryType.GET_INVOCATION_OUTPUT,
    }
)
"""Commands that go to an invocation which the handler chose. A call's id is made up when it is issued."""

_EAGER: Final[dict[int, int]] = {
    EntryType.GET_LAZY_STATE: EntryType.GET_EAGER_STATE,
    EntryType.GET_LAZY_STATE_KEYS: EntryType.GET_EAGER_STATE_KEYS,
}
"""Whether state came along or had to be fetched depends on its size at the time, not on the handler."""

_CAUSES: Final = """\
Usual causes: the handler's code was changed while this invocation was under way; it does something that
differs from one run to the next (a clock, a random number, a set's order, a global) outside of ctx.run; or it
catches errors too broadly. Put what differs into ctx.run, or use ctx.time(), ctx.random() and ctx.uuid(). New
code is safe for new invocations: deploy it under another deployment id, or cancel this invocation."""


def differs(recorded: Recorded, entry: Entry, *, check_payloads: bool) -> list[str]:
    """The fields in which the attempted command is not the recorded one."""
    type = entry.type
    fields: list[str] = []
    if recorded.type != type and _EAGER.get(recorded.type, recorded.type) != _EAGER.get(type, type):
        fields.append("type")
    if recorded.name != entry.name:
        fields.append("name")
    if recorded.target != entry.target:
        fields.append("target")
    if recorded.detail != entry.detail:
        fields.append("detail")
    if type in _ADDRESSED and recorded.target_id != entry.target_id:
        fields.append("target_id")
    if type in _PARAMETERS:
        if recorded.outcome != entry.outcome:
            fields.append("outcome")
        if check_payloads and recorded.value != entry.value:
            fields.append("value")
    return fields


def other_command(recorded: Recorded, entry: Entry, fields: list[str]) -> JournalMismatch:
    """The handler issues something else than it did."""
    return _mismatch(recorded, describe(entry), f"they differ in: {', '.join(fields)}")


def other_order(recorded: Recorded, entry: Entry, seen: int) -> JournalMismatch:
    """The right command, but issued before or after results that it came after or before."""
    return _mismatch(
        recorded,
        f"{describe(entry)}, after {seen} notifications",
        f"the handler had been given {recorded.seen} notifications when it did this the first time",
    )


def waits_instead(recorded: Recorded) -> JournalMismatch:
    """The handler waits where it went on."""
    return _mismatch(recorded, "nothing: it waits", "the first time it went on here")


def ends_instead(recorded: Recorded) -> JournalMismatch:
    """The handler ends where it went on."""
    return _mismatch(recorded, "nothing: it ends", "the first time it went on here")


def describe(command: Entry | Recorded) -> str:
    """One line for people: ``Call CheckoutService/handle "..."``."""
    parts = [_title(command.type)]
    parts += [f"{command.name!r}"] if command.name is not None else []
    parts += [command.target] if command.target is not None else []
    if command.type in _ADDRESSED:
        parts.append(f"to {command.target_id}")
    if command.type in _PARAMETERS and command.value is not None:
        parts.append(f"with {_excerpt(command.value)}")
    parts += [command.detail] if command.detail is not None else []
    return " ".join(parts)


def _mismatch(recorded: Recorded, attempted: str, difference: str) -> JournalMismatch:
    return JournalMismatch(
        describe(recorded),
        attempted,
        f"{difference}\n{_CAUSES}",
        index=recorded.index,
        name=recorded.name,
        type=recorded.type,
    )


def _title(type: int) -> str:
    try:
        return EntryType(type).title
    except ValueError:
        return f"type {type}"


def _excerpt(value: bytes, limit: int = 120) -> str:
    text = value[:limit].decode(errors="replace")
    return text if len(value) <= limit else f"{text}... ({len(value)} bytes)"
