"""Reading state: each read is journaled with what it gave, so that a replay is given the same.

What the attempt was given at its start is read, and journaled, at once. What has to be fetched is fetched,
and journaled, when the handler waits next, all of it in the order in which it was asked for.

A weak point: a read that is not awaited at once, and has to be fetched, sees what the handler writes in
between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pgdurable_sdk.futures import Result
from pgdurable_sdk.journal import commands
from pgdurable_sdk.journal.awaits import Handle
from pgdurable_sdk.journal.entries import Entry, EntryType, Outcome, Recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable_sdk.runtime import Execution

_STATE = (EntryType.GET_EAGER_STATE, EntryType.GET_LAZY_STATE)
_KEYS = (EntryType.GET_EAGER_STATE_KEYS, EntryType.GET_LAZY_STATE_KEYS)


def get(attempt: Execution, name: str, decode: Callable[[bytes], Any], entry_name: str | None) -> Result[Any]:
    """One value, or None."""
    state = attempt.state
    result: Result[Any] = Result(attempt, Handle(), decode)

    def read(*, lazy: bool) -> None:
        _journal(attempt, result, commands.get_state(name, state.get(name), lazy=lazy, entry_name=entry_name))

    async def fetch() -> None:
        if not attempt.replaying and not state.knows(name):
            state.set(name, await attempt.port.read_state(name))
        read(lazy=True)

    attempt.enter()
    if _due(attempt.machine.upcoming, _STATE, name, known=state.knows(name)):
        read(lazy=False)
    else:
        attempt.open_reads.append(fetch)
    return result


def keys(attempt: Execution, entry_name: str | None) -> Result[list[str]]:
    """The names of all state."""
    state = attempt.state
    result: Result[list[str]] = Result(attempt, Handle(), _names)
    if attempt.coding is not None:
        attempt.coding.never_encoded(result.handle)

    def read(names: list[str], *, lazy: bool) -> None:
        _journal(attempt, result, commands.get_state_keys(names, lazy=lazy, entry_name=entry_name))

    async def fetch() -> None:
        stored = [] if attempt.replaying else await attempt.port.read_state_keys()
        read(state.keys(stored), lazy=True)

    attempt.enter()
    if _due(attempt.machine.upcoming, _KEYS, None, known=state.complete):
        read(state.keys(), lazy=False)
    else:
        attempt.open_reads.append(fetch)
    return result


def _due(
    recorded: Recorded | None, types: tuple[EntryType, EntryType], name: str | None, *, known: bool
) -> bool:
    """Whether a read is journaled at once: its value is here, or was when this was recorded.

    One that had to be fetched was journaled when the handler waited, after what it did in between; so that is
    what is recorded next, and the read is due later in a replay, too.
    """
    if recorded is None:
        return known
    return recorded.type in types and recorded.name == name


def _journal(attempt: Execution, result: Result[Any], entry: Entry) -> None:
    """At replay the result is the recorded one, else that of ``entry``."""
    index = attempt.append(entry)
    recorded = attempt.machine.recorded(index)
    if recorded is not None and recorded.outcome is not None:
        attempt.machine.complete(result.handle, recorded.outcome, recorded.value)
        return
    attempt.machine.complete(result.handle, entry.outcome or Outcome.VOID, entry.value)
    attempt.provisional = attempt.provisional or not attempt.handler.writes_state


def _names(value: bytes) -> list[str]:
    return msgspec.json.decode(value, type=list[str])
