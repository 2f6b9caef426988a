"""The world beside the engine: it remembers what really happened, whatever the engine thinks.

Handlers of one process share a `Memory`. Those of several share files; see `tests.engine.ledger`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from tests.engine.ledger import BEGAN, begin, note, read

if TYPE_CHECKING:
    from pathlib import Path

Report = list[Any]
"""How something ended, as a handler saw it: ``["ok", value]``, ``["failed", code, message]``,
``["cancelled"]``."""


class Outside(Protocol):
    """What handlers tell it and ask of it."""

    def begins(self, path: str) -> int:
        """An attempt: its number."""
        ...

    def sees(self, path: str, attempt: int, report: Report) -> None:
        """An attempt came to know something."""
        ...

    def executes(self, path: str, name: str) -> int:
        """A step, or something else that counts, is done: how often it was, this time included."""
        ...

    def result(self, name: str, value: str) -> None:
        """What an execution of a step will come to."""
        ...

    def asks(self, awakeable: str, name: str, rejected: bool) -> None:
        """Somebody waits for this awakeable, to be resolved with ``resolved <name>`` or rejected."""
        ...

    async def passes(self) -> None:
        """A moment."""
        ...


class Memory:
    """For handlers of this process."""

    def __init__(self) -> None:
        self.attempts: defaultdict[str, dict[int, list[Report]]] = defaultdict(dict)
        """What each attempt of each path saw."""
        self.executed: Counter[tuple[str, str]] = Counter()
        self.results: defaultdict[str, list[str]] = defaultdict(list)
        """What the executions of each step could have come to."""
        self.asked: list[tuple[str, str, bool]] = []
        self.moment = 0.0

    def begins(self, path: str) -> int:
        number = len(self.attempts[path])
        self.attempts[path][number] = []
        return number

    def sees(self, path: str, attempt: int, report: Report) -> None:
        self.attempts[path].setdefault(attempt, []).append(report)

    def executes(self, path: str, name: str) -> int:
        self.executed[path, name] += 1
        return self.executed[path, name]

    def result(self, name: str, value: str) -> None:
        self.results[name].append(value)

    def asks(self, awakeable: str, name: str, rejected: bool) -> None:
        if self.asked.count((awakeable, name, rejected)) < 2:  # each attempt asks, and no more comes of it
            self.asked.append((awakeable, name, rejected))

    async def passes(self) -> None:
        await asyncio.sleep(self.moment)


class Files:
    """For handlers of many processes: lines of the ledger, and one file for each thing that counts."""

    def __init__(self, ledger: Path) -> None:
        self._counts = ledger.parent / "counts"
        self._counts.mkdir(exist_ok=True)

    def begins(self, path: str) -> int:
        begin("attempt", path=path)
        return int(BEGAN.get() * 1_000_000)

    def sees(self, path: str, attempt: int, report: Report) -> None:
        note("saw", path=path, attempt=attempt, report=report)

    def executes(self, path: str, name: str) -> int:
        count = self._counts / quote(f"{path}-{name}", safe="")
        with count.open("ab") as file:
            file.write(b".")
        return count.stat().st_size

    def result(self, name: str, value: str) -> None:
        note("step", name=name, value=value)

    def asks(self, awakeable: str, name: str, rejected: bool) -> None:
        note("asked", awakeable=awakeable, name=name, rejected=rejected)

    async def passes(self) -> None:
        await asyncio.sleep(0.02)


class Reader:
    """Reads what handlers of other processes wrote, as they go on."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._position = 0

    def tell(self, memory: Memory) -> None:
        """All that is new."""
        with self._ledger.open("rb") as file:
            file.seek(self._position)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in read(whole.decode()):
            match line.kind:
                case "saw":
                    memory.sees(line["path"], line["attempt"], line["report"])
                case "step":
                    memory.result(line["name"], line["value"])
                case "asked":
                    memory.asks(line["awakeable"], line["name"], line["rejected"])
                case _:
                    pass


class _World:
    """Where the handlers of this process find it."""

    def __init__(self) -> None:
        self.outside: Outside = Memory()


WORLD = _World()
