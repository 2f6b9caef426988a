"""The model: what must be true of a run, evaluated plainly and in memory.

It follows each invocation through its program beside what the invocation reported. Where the program leaves
no choice, neither does the model. Where it does (a race, the moment of a cancellation) the report must be one
of those there may be, and the model goes on from it. So in the end it knows which invocations there are, what
each came to, and what state they left; and compares that with what there is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tests.fuzz.follower import Expected, Follower, Wrong, target_of
from tests.fuzz.interpreter import checksum
from tests.fuzz.language import show
from tests.fuzz.prediction import Value

if TYPE_CHECKING:
    from tests.fuzz.facts import Facts, Invocation


@dataclass
class Model:
    """Of one run."""

    facts: Facts
    logs: dict[tuple[str, str], list[tuple[int, int, str]]] = field(
        default_factory=dict[tuple[str, str], list[tuple[int, int, str]]]
    )
    """How long and which each log was when somebody added what, by service and key."""
    state: dict[tuple[str, str], dict[str, Any]] = field(
        default_factory=dict[tuple[str, str], dict[str, Any]]
    )

    def __post_init__(self) -> None:
        self.actual = {invocation.path: invocation for invocation in self.facts.invocations}
        self.expected: dict[str, Expected] = {}
        self.queue: deque[Expected] = deque()

    def check(self) -> None:
        """Raises `Wrong`, which says what is."""
        for task in self.facts.tasks:
            self.expect(
                Expected(task.path, target_of(task), task, cancellable=task.path in self.facts.cancelled)
            )
        while self.queue:
            self.follow(self.queue.popleft())
        self.check_invocations()
        self.check_state()
        self.check_logs()
        self.check_steps()
        self.check_attempts()

    def expect(self, expected: Expected) -> None:
        """There must be this invocation."""
        if expected.path in self.expected:
            raise AssertionError(f"the model expects {expected.path} twice")
        self.expected[expected.path] = expected
        self.queue.append(expected)

    def invocation(self, path: str) -> Invocation:
        """The one of this path."""
        found = self.actual.get(path)
        if found is None:
            raise Wrong(f"{path} was never invoked")
        return found

    def follow(self, expected: Expected) -> None:
        """Compare one with its program."""
        found = self.invocation(expected.path)
        if found.target != expected.target:
            raise Wrong(f"{expected.path} is {found.target}, and not {expected.target}")
        if expected.task is None:
            self.check_helper(found)
        elif found.trace is None:
            self.check_traceless(expected, found)
        else:
            try:
                Follower(self, expected, expected.task, found.trace).follow(found.report)
            except Wrong as wrong:
                raise Wrong(f"{wrong}\nof {found}\nwhose program is {show(expected.task)}") from None

    def check_helper(self, found: Invocation) -> None:
        if found.report == ["failed", 409, "killed"] and self.facts.was_killed(found.path):
            return
        if found.target.endswith("/look"):
            service, key, _ = found.target.split("/")
            if not self.seen(service, key).allows(found.report):
                raise Wrong(f"{found} is no beginning of the log")
        elif found.report != ["ok", None]:
            raise Wrong(f"{found} did not do what it should")

    def check_traceless(self, expected: Expected, found: Invocation) -> None:
        """It ended before it began, or in the midst of it."""
        if found.report == ["failed", 409, "canceled"] and expected.cancellable:
            return
        if found.report == ["failed", 409, "killed"] and self.facts.was_killed(expected.path):
            return
        raise Wrong(f"{found} says nothing, though nobody cancelled or killed it")

    def seen(self, service: str, key: str) -> Value:
        """A log, read at some time."""
        log = self.log(service, key)
        return Value(lambda value: value in [log[:length] for length in range(len(log) + 1)])

    def log(self, service: str, key: str) -> list[str]:
        found: list[str] = self.facts.state.get((service, key), {}).get("log", [])
        return found

    # When all are followed.

    def check_invocations(self) -> None:
        paths = [invocation.path for invocation in self.facts.invocations]
        if len(set(paths)) < len(paths):
            raise Wrong(f"invoked twice: {sorted(path for path in paths if paths.count(path) > 1)}")
        more = [p for p in paths if p not in self.expected and not self.facts.was_killed(p)]
        if more:
            raise Wrong(f"nobody should have begun {more}")

    def check_state(self) -> None:
        for where in self.state.keys() | self.facts.state.keys():
            expected = self.state.get(where, {})
            there = {
                name: value
                for name, value in self.facts.state.get(where, {}).items()
                if name in expected or (name != "log" and not self.facts.was_killed(name.partition("@")[2]))
            }
            if there != expected:
                raise Wrong(f"the state of {where} is {there}, and not {expected}")

    def check_logs(self) -> None:
        """Each entry is there once, after what its writer had read; nobody wrote between those of another."""
        for (service, key), entries in self.logs.items():
            log = self.log(service, key)
            for length, sum, entry in entries:
                if length >= len(log) or log[length] != entry or checksum(log[:length]) != sum:
                    raise Wrong(f"{entry} was added to {length} others: {log}")
        for where in self.logs.keys() | self.facts.state.keys():
            log = self.log(*where)
            known = sorted(entry for _, _, entry in self.logs.get(where, []))
            if sorted(entry for entry in log if entry in known or not self.facts.was_killed(entry)) != known:
                raise Wrong(f"the log of {where} is {log}, and should have {known}")
            turns = [writer for writer, _ in groupby(entry.rpartition(".")[0] for entry in log)]
            if len(set(turns)) < len(turns):
                raise Wrong(f"two had their turn at once: {log}")

    def check_steps(self) -> None:
        """What is journaled of a step is what an execution of it came to: the last one, unless there were
        zombies."""
        for name, report in self.facts.steps.items():
            if report[0] == "ok" and isinstance(report[1], str):
                executed = self.facts.executions.get(name, [])
                if report[1] not in (executed if self.facts.zombies else executed[-1:]):
                    raise Wrong(f"{name} came to {report}, but did {executed}")

    def check_attempts(self) -> None:
        """Each attempt saw what the last one did, as far as it came."""
        for path, attempts in self.facts.attempts.items():
            found = self.actual.get(path)
            last = found.trace if found and found.trace is not None else max(attempts, key=len)
            for number, attempt in enumerate(attempts):
                if attempt != last[: len(attempt)]:
                    raise Wrong(f"attempt {number} of {path} saw {attempt}, and another saw {last}")
