"""A journal as it is told to people: what each entry did, what came of it, and where attempts failed.

Pure: entries in, lines out. The renderer at the end puts them in a table.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, cast

from rich.table import Table
from rich.text import Text

from pgdurable_cli.times import coming, duration, relative
from pgdurable_cli.values import brief, decoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pgdurable_cli.journal import Entry, EventRow

__all__ = ["Line", "failure_text", "lines", "raised_at", "rendered"]

Mark = Literal["done", "failed", "waiting", "error", "signal"]

STYLES: dict[Mark, str] = {
    "done": "green", "failed": "red", "waiting": "yellow", "error": "bold red", "signal": "magenta",
}  # fmt: skip
SYMBOLS: dict[Mark, str] = {"done": "✓", "failed": "✗", "waiting": "…", "error": "!", "signal": "»"}
VALUE_LIMIT = 70
FRAME = re.compile(r'^\s*File "(.+)", line (\d+), in (.+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Line:
    number: str
    mark: Mark
    what: str
    about: str
    result: str
    when: datetime
    took: str = ""
    id: str = ""
    """The invocation it is about, which has a page of its own."""


def lines(entries: Sequence[Entry], events: Sequence[EventRow], at: datetime) -> list[Line]:
    """In the order of the journal, failures after the entry they came after."""
    told: list[Line] = []
    pending = list(event_lines(events))
    for entry in entries:
        while entry.index is not None and pending and pending[0][0] < entry.index:
            told.append(pending.pop(0)[1])
        told.append(entry_line(entry, at))
    return told + [line for _, line in pending]


def entry_line(entry: Entry, at: datetime) -> Line:
    return Line(
        number="" if entry.index is None else str(entry.index),
        mark=mark(entry),
        what=entry.type,
        about=about(entry),
        result=result(entry, at),
        when=entry.appended_at,
        took=took(entry),
        id=entry.target_id or "",
    )


def mark(entry: Entry) -> Mark:
    if entry.index is None:
        return "signal"
    if entry.outcome == "failure":
        return "failed"
    return "waiting" if entry.awaited and entry.outcome is None else "done"


def about(entry: Entry) -> str:
    """What the handler asked for."""
    parts = [entry.name, entry.target]
    if entry.argument:
        argument = brief(entry.argument, VALUE_LIMIT)
        parts.append(f"= {argument}" if entry.type == "SetState" else f"({argument})")
    if entry.wake_at is not None:
        parts.append(f"in {duration(entry.wake_at - entry.appended_at)}")
    return " ".join(part for part in parts if part)


def result(entry: Entry, at: datetime) -> str:
    match mark(entry):
        case "failed":
            return failure_text(entry.value)
        case "waiting" if entry.wake_at is not None and entry.type == "Sleep":
            return f"due {coming(entry.wake_at, at)}"
        case "waiting":
            return "waiting"
        case _ if entry.value:
            return brief(entry.value, VALUE_LIMIT)
        case _:
            return "none" if entry.outcome == "void" and entry.type.startswith(("Get", "Peek")) else ""


def took(entry: Entry) -> str:
    if entry.completed_at is None or entry.completed_at <= entry.appended_at:
        return ""
    return duration(entry.completed_at - entry.appended_at)


def failure_text(value: bytes | None) -> str:
    """`[code] message`, as Restate writes a failure."""
    failure = decoded(value or b"")
    return coded(cast("dict[str, Any]", failure), "") if isinstance(failure, dict) else str(failure)


def coded(failure: dict[str, Any], prefix: str) -> str:
    return f"[{failure.get(f'{prefix}code', 500)}] {failure.get(f'{prefix}message', '')}"


def event_lines(events: Sequence[EventRow]) -> Iterable[tuple[int, Line]]:
    """The same failure again and again is told once, with its count."""
    for (after, kind, text), group in groupby(
        events, key=lambda event: (event.after_index, event.type, told(event))
    ):
        same = list(group)
        times = f" ×{len(same)}" if len(same) > 1 else ""  # noqa: RUF001 -- a multiplication sign is meant
        name = "Paused" if kind == "Paused" else f"Failed attempt{times}"
        yield after, Line("", "error", name, text, "", same[-1].appended_at)


def failure_of(event: EventRow) -> dict[str, Any]:
    """The error of a failed attempt, or the one that led to a pause."""
    detail: dict[str, Any] = json.loads(event.detail)
    failure: dict[str, Any] = detail.get("last_failure") or detail
    return failure


def told(event: EventRow) -> str:
    failure = failure_of(event)
    return coded(failure, "error_") if "error_message" in failure else ""


def raised_at(events: Sequence[EventRow]) -> str | None:
    """The innermost line of the last failure: `cart.py:19 in add_ticket`."""
    for event in reversed(events):
        frames = FRAME.findall(failure_of(event).get("error_stacktrace") or "")
        if frames:
            file, line, function = frames[-1]
            return f"{file}:{line} in {function}"
    return None


def rendered(told_lines: Iterable[Line], at: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("ENTRY", no_wrap=True)
    table.add_column("", overflow="fold")
    table.add_column("WHEN", style="dim", no_wrap=True)
    for line in told_lines:
        style = STYLES[line.mark]
        loud = style if line.mark in ("failed", "error") else "bold"
        symbol, name = Text(SYMBOLS[line.mark], style=style), Text(line.what, style=loud)
        table.add_row(line.number, symbol, name, sentence(line), relative(line.when, at))
    return table


def sentence(line: Line) -> Text:
    """`Ticket/a/reserve → true (3ms)  inv_1…`: the id comes last, so that a narrow screen keeps it whole."""
    style = STYLES[line.mark] if line.mark in ("failed", "error", "waiting") else ""
    parts = [Text(line.about, style=style if line.mark == "error" else "")] if line.about else []
    if line.result:
        parts.append(Text.assemble("→ " if line.about else "", (line.result, style)))
    if line.took:
        parts.append(Text(f"({line.took})", style="dim"))
    if line.id:
        parts.append(Text(f" {line.id}", style="dim"))
    return Text(" ").join(parts)
