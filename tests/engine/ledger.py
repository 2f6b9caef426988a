"""What really happened: lines that handlers of all processes append to one file, whatever the engine thinks.

A line is one ``write`` to a file opened for appending, so lines of several processes come in order. They are
whole but for the last, of which a reader may see a part, and for one whose process was killed in its midst.
"""

from __future__ import annotations

import json
import os
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VARIABLE = "PGDURABLE_TEST_LEDGER"
NOW = time.time  # the machine's, also where a process is given a wrong clock

BEGAN: ContextVar[float] = ContextVar("began", default=0.0)
"""When the attempt began that a line comes from, as far as its handler says so."""


def note(kind: str, **what: Any) -> None:
    """Append a line. For handlers: the file is the one that the process was started with."""
    head = {"kind": kind, "pid": os.getpid(), "at": NOW(), "began": BEGAN.get()}
    line = f"\n{json.dumps(head | what)}\n"  # on a line of its own, whatever somebody killed has left
    file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def begin(kind: str, **what: Any) -> None:
    """The first line of an attempt."""
    BEGAN.set(NOW())
    note(kind, **what)


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    pid: int
    at: float
    """Seconds since 1970, on the one clock of this machine."""
    began: float
    what: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.what[name]


class Ledger:
    """The file, for tests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lines(self, kind: str | None = None, **what: Any) -> list[Line]:
        """Lines in order, all or those that say this."""
        return [
            line
            for line in read(self.path.read_text())
            if kind in (None, line.kind) and what.items() <= line.what.items()
        ]

    def count(self, kind: str, **what: Any) -> int:
        return len(self.lines(kind, **what))


def read(text: str) -> Iterator[Line]:
    """Each line of it that was written to its end."""
    for line in text.splitlines():
        if line.startswith("{") and line.endswith("}"):
            fields = json.loads(line)
            yield Line(fields.pop("kind"), fields.pop("pid"), fields.pop("at"), fields.pop("began"), fields)
