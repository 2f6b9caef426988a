"""What there is to know of a run when it is over, wherever it ran."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fuzz.language import Task
    from tests.fuzz.outside import Memory, Report


@dataclass(frozen=True)
class Invocation:
    """One that is completed. The target is ``Service/key/handler``, the key empty for a service."""

    path: str
    target: str
    report: Report
    """``["ok", value]`` or ``["failed", code, message]``."""
    trace: list[Report] | None
    """What it came to know. None: it does not say, since it never ran, was killed or is no program."""


@dataclass
class Facts:
    """Of a run of ``tasks``."""

    tasks: list[Task]
    cancelled: set[str] = field(default_factory=set[str])
    """Paths of those that were cancelled from outside."""
    killed: set[str] = field(default_factory=set[str])
    zombies: bool = False
    """Whether attempts may have gone on that counted for nothing."""
    invocations: list[Invocation] = field(default_factory=list["Invocation"])
    state: dict[tuple[str, str], dict[str, Any]] = field(
        default_factory=dict[tuple[str, str], dict[str, Any]]
    )
    """By service and key."""
    steps: dict[str, Report] = field(default_factory=dict[str, "Report"])
    """What is journaled of each, by name."""
    executions: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The values that each step could have come to, in the order of its executions."""
    attempts: dict[str, list[list[Report]]] = field(default_factory=dict[str, list[list["Report"]]])
    """What each attempt of each invocation came to know, by path."""

    def remember(self, outside: Memory, turns: Mapping[str, float] | None = None) -> None:
        """What the world beside the engine knows. ``turns`` are when each had its turn, on the scale on which
        attempts are numbered: one that was begun ahead of it, and then again, was begun in vain, on what was
        never committed, and what it saw does not count.
        """
        self.executions = outside.results
        turns = turns or {}
        self.attempts = {
            path: [seen for at, seen in attempts.items() if at >= turns.get(path, 0) or at == max(attempts)]
            for path, attempts in outside.attempts.items()
        }

    def was_killed(self, path: str) -> bool:
        """This one, or one above it: then nobody knows how far it came."""
        return any(path == killed or path.startswith(f"{killed}.") for killed in self.killed)


def invocation(path: str, target: str, outcome: str, value: bytes) -> Invocation:
    """From what is journaled as its output."""
    program = target.endswith("/run")
    if outcome == "failure":
        failure = msgspec.json.decode(value)
        said = failure.get("metadata", {}).get("trace")
        trace = None if said is None else msgspec.json.decode(said)
        return Invocation(path, target, ["failed", failure["code"], failure["message"]], trace)
    output = msgspec.json.decode(value) if value else None
    return Invocation(path, target, ["ok", output], output if program else None)


def step_report(outcome: str, value: bytes) -> Report:
    """From what is journaled of a step."""
    decoded = msgspec.json.decode(value)
    return ["failed", decoded["code"], decoded["message"]] if outcome == "failure" else ["ok", decoded]
