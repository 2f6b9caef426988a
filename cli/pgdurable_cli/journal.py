"""A journal put together again: each command with what completed it, and the signals between.

The view `sys_journal` has commands and notifications as rows of their own, as Restate has. Who reads a
journal asks what a step did and what came of it, so here the two become one. Pure: rows in, entries out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence  # noqa: TC003 -- with the records below
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, cast

__all__ = ["Entry", "EventRow", "JournalRow", "Outcome", "entries"]

Outcome = Literal["success", "failure", "void"]

# What is in `raw` of a command: what it hands on, rather than what came of it.
CANCEL = 1
HANDED_ON = {"Call", "OneWayCall", "SetState", "SendSignal", "CompleteAwakeable", "CompletePromise"}


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A row of `sys_journal`."""

    index: int
    entry_type: str
    name: str | None
    completed: bool | None
    invoked_id: str | None
    invoked_target: str | None
    sleep_wakeup_at: datetime | None
    raw: bytes | None
    entry_lite_json: str | None
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened to an attempt after a journal entry."""

    after_index: int
    type: str
    detail: str
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A command and what came of it, or a signal."""

    index: int | None
    """Among the commands; a signal has none."""
    type: str
    name: str | None
    target: str | None
    target_id: str | None
    wake_at: datetime | None
    argument: bytes | None
    awaited: bool
    """It has a result, now or one day."""
    outcome: Outcome | None
    value: bytes | None
    appended_at: datetime
    completed_at: datetime | None = None


def entries(rows: Sequence[JournalRow]) -> list[Entry]:
    """In the order of the rows, completions folded into their commands."""
    told: list[Entry] = []
    place_of: dict[int, int] = {}
    for row in rows:
        kind, _, type = row.entry_type.partition(": ")
        body = content(row, kind, type)
        if kind == "Command":
            place_of[len(place_of)] = len(told)
            told.append(command(row, type, body, index=len(place_of) - 1))
        elif (place := place_of.get(body.get("completion_id", -1))) is not None:
            told[place] = completed(told[place], row, body)
        else:
            told.append(signal(row, type, body))
    return told


def content(row: JournalRow, kind: str, type: str) -> dict[str, Any]:
    """The inside of `{"Command": {"Call": {…}}}` or `{"Notification": {"Completion": {"Call": {…}}}}`."""
    found: object = json.loads(row.entry_lite_json or "{}")
    for name in (kind, "Completion", type):
        if isinstance(found, dict) and name in found:
            found = cast("dict[str, object]", found)[name]
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def command(row: JournalRow, type: str, body: dict[str, Any], index: int) -> Entry:
    hands_on = type in HANDED_ON
    outcome = None if hands_on else outcome_of(body.get("result"))
    return Entry(
        index=index,
        type=type,
        name=body.get("key") or body.get("id") or row.name or signal_name(body.get("signal_id")),
        target=row.invoked_target,
        target_id=row.invoked_id or body.get("target_invocation_id") or attached(body),
        wake_at=row.sleep_wakeup_at or time_of(body.get("invoke_time")),
        argument=row.raw if hands_on else None,
        awaited=row.completed is not None,
        outcome=outcome or ("success" if row.raw is not None and not hands_on else None),
        value=None if hands_on else row.raw,
        appended_at=row.appended_at,
    )


def completed(entry: Entry, row: JournalRow, body: dict[str, Any]) -> Entry:
    outcome = outcome_of(body.get("result")) or ("success" if row.raw else "void")
    return replace(entry, outcome=outcome, value=row.raw, completed_at=row.appended_at)


def signal(row: JournalRow, type: str, body: dict[str, Any]) -> Entry:
    inner = cast("dict[str, Any]", body.get("Signal", body))
    return Entry(
        index=None,
        type=type,
        name=row.name or signal_name(inner.get("id")),
        target=None,
        target_id=None,
        wake_at=None,
        argument=None,
        awaited=False,
        outcome=outcome_of(inner.get("result")),
        value=row.raw,
        appended_at=row.appended_at,
    )


def outcome_of(result: object) -> Outcome | None:
    if result == "Success":
        return "success"
    if result == "Void":
        return "void"
    return "failure" if isinstance(result, dict) and "Failure" in result else None


def signal_name(id: dict[str, Any] | None) -> str | None:
    if id is None:
        return None
    if "Name" in id:
        return str(id["Name"])
    return "cancel" if id["Index"] == CANCEL else f"#{id['Index']}"


def attached(body: dict[str, Any]) -> str | None:
    match body.get("target"):
        case {"InvocationId": str() as id}:
            return id
        case _:
            return None


def time_of(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
