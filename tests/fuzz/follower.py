"""One invocation, followed through its program beside what it reported."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from tests.fuzz.interpreter import PLANNED, checksum
from tests.fuzz.language import (
    Append,
    Await,
    Awakeable,
    Body,
    Call,
    Cancel,
    Chance,
    Clear,
    ClearAll,
    Combine,
    Command,
    Fail,
    Future,
    Get,
    Linger,
    Look,
    Map,
    Must,
    Names,
    Nap,
    Now,
    OrTimeout,
    Pledge,
    Promised,
    Ref,
    Send,
    Sent,
    Set,
    Signal,
    Start,
    Step,
    Stumble,
    Task,
    Try,
    Twice,
)
from tests.fuzz.prediction import (
    COMBINED,
    Exactly,
    Mapped,
    Never,
    Prediction,
    Recorded,
    TimedOut,
    Value,
    exactly,
)

if TYPE_CHECKING:
    from tests.fuzz.model import Model
    from tests.fuzz.outside import Report


class Wrong(AssertionError):
    """Something is not as the model has it."""


class Failed(Exception):
    """The program fails here."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.report = ["failed", code, message]


@dataclass
class Expected:
    """An invocation that there must be, once."""

    path: str
    target: str
    task: Task | None = None
    """The program; None for helpers."""
    called: bool = False
    """So it is cancelled with its caller."""
    cancellable: bool = False
    """Whether somebody cancelled it, perhaps too late."""


@dataclass
class Follower:
    """Goes through one program beside its trace."""

    model: Model
    expected: Expected
    task: Task
    trace: list[Report]

    def __post_init__(self) -> None:
        self.facts = self.model.facts
        self.position = 0
        self.names = 0
        self.cancelled = False
        self.begun: dict[int, Prediction] = {}
        self.known: dict[int, Report] = {}
        self.growing: set[int] = set()
        """Those that more and more of is done, whenever they are asked."""
        self.children: list[Expected] = []
        service, _, key = self.task.place.partition("/")
        self.where = (service, key or self.task.path)
        self.state: dict[str, Any] = {}

    def follow(self, report: Report) -> None:
        """To the end. Raises `Wrong`."""
        try:
            self.perform(self.task.body)
        except Failed as failed:
            if report != failed.report:
                self.wrong(f"it ended with {report}, and not {failed.report}")
        else:
            if report[0] != "ok":
                self.wrong(f"it failed with {report}")
        if self.position < len(self.trace):
            self.wrong(f"nothing should have been reported after {self.trace[: self.position]}")
        if self.state:
            self.model.state.setdefault(self.where, {}).update(self.state)

    def wrong(self, text: str) -> NoReturn:
        raise Wrong(text)

    def name(self) -> str:
        self.names += 1
        return f"{self.task.path}.{self.names}"

    def reported(self) -> Report:
        if self.position == len(self.trace):
            self.wrong(f"there should be a report after {self.trace}")
        self.position += 1
        return self.trace[self.position - 1]

    def must(self, prediction: Prediction) -> None:
        """The next report is of this."""
        report = self.reported()
        if report == ["cancelled"]:
            self.cancel()
        if not prediction.allows(report):
            self.wrong(f"report {self.position - 1} is {report}, and should be {prediction}")
        if report[0] == "failed":
            raise Failed(*report[1:])

    def given(self, prediction: Prediction) -> None:
        """The next report is of this, whatever it is."""
        with suppress(Failed):
            self.must(prediction)

    def cancel(self) -> NoReturn:
        if not self.expected.cancellable:
            self.wrong("it was cancelled, and by nobody")
        if self.cancelled:
            self.wrong("it was cancelled twice")
        self.cancelled = True
        for child in self.children:
            child.cancellable = child.cancellable or child.called
        raise Failed(409, "cancelled")

    # Commands.

    def perform(self, body: Body) -> None:
        for command in body:
            self.do(command)

    def do(self, command: Command) -> None:
        match command:
            case Await(Ref(number)) | Must(Ref(number)):
                self.again(number, fatal=isinstance(command, Must))
            case Await(future):
                self.given(self.begin(future))
            case Must(future):
                self.must(self.begin(future))
            case Start(number, future):
                self.begun[number] = self.begin(future)
                if "kind='first'" in repr(future):
                    self.growing.add(number)
            case Set(name):
                self.state[f"{name}@{self.task.path}"] = f"set {self.name()}"
            case Get(name):
                self.must(exactly(["ok", self.state.get(f"{name}@{self.task.path}")]))
            case Clear(name):
                self.state.pop(f"{name}@{self.task.path}", None)
            case ClearAll():
                self.state.clear()
            case Names():
                self.must(exactly(["ok", sorted(self.state)]))
            case Append():
                self.append()
            case Send(place, body):
                self.start(place, body)
            case Twice(place, body):
                self.twice(place, body)
            case Cancel():
                self.cancel_other(command)
            case Linger(place, body):
                if not self.cancelled:
                    self.must(self.call(place, body) if place else Never())
            case Pledge(rejected):
                self.pledge(rejected)
            case Try(body, undo):
                try:
                    self.perform(body)
                except Failed:
                    self.perform(undo)
            case Fail(code):
                raise Failed(code, f"failed {self.task.path}")
            case Stumble():
                self.name()
            case Chance():
                self.must(Value(lambda value: len(value) == 2))
            case Now():
                self.given(Value(lambda value: isinstance(value, float)))

    def again(self, number: int, *, fatal: bool) -> None:
        """A future that is awaited once more comes to the same once more."""
        try:
            self.must(self.begun[number])
        except Failed:
            if fatal:
                raise
        finally:
            self.same(number, self.trace[self.position - 1])

    def same(self, number: int, report: Report) -> None:
        if report == ["cancelled"] or number in self.growing:
            return
        before = self.known.setdefault(number, report)
        if report != before:
            self.wrong(f"what was begun as {number} came to {before}, and then to {report}")

    def append(self) -> None:
        report = self.reported()
        self.model.logs.setdefault(self.where, []).append((*report[1], self.name()))

    def twice(self, place: str, body: Body) -> None:
        first = self.call(place, body)
        second = exactly(["failed", 409, "the workflow method was already invoked"])
        self.given(first)
        self.given(second if place == "Flow" else first)

    def cancel_other(self, command: Cancel) -> None:
        child = self.start(command.place, command.body, called=command.by == "call", announced=True)
        child.cancellable = True
        if command.begun:
            self.must(exactly(["ok", "begun"]))
        self.given(self.outcome(child))

    def pledge(self, rejected: bool) -> None:
        self.name()
        value = ["failed", 418, "rejected"] if rejected else ["ok", "kept"]
        late = ["failed", 409, "promise was already completed"]
        for report in (["ok", None], ["ok", None], late, value, value):
            self.given(exactly(report))

    # Futures.

    def begin(self, future: Future) -> Prediction:
        match future:
            case Step(end):
                name = self.name()
                failed = (
                    ["failed", 500, PLANNED] if end == "exhausted" else ["failed", 418, f"terminal {name}"]
                )
                return Recorded("ok" if end == "value" else "failed", self.recorded(name, end, failed))
            case Nap():
                return exactly(["ok", None])
            case Call(place, body):
                return self.call(place, body)
            case Sent(place, body, _, peek):
                outcome = self.outcome(self.start(place, body))
                return exactly(*outcome.reports, ["ok", None]) if peek else outcome
            case Look(place):
                child = Expected(self.name(), f"{place}/look", called=True)
                self.begin_child(child)
                return self.model.seen(*place.split("/"))
            case Awakeable(by, rejected):
                helped = "Helper//help" if by == "send" else None
                return self.completed(rejected, helped=helped, never=by == "nobody")
            case Signal(by, rejected, _, shared):
                helped = "Helper//help" if by == "send" else None
                of_its_own = self.completed(rejected, helped=helped)
                return exactly(["ok", "resolved shared"]) if shared else of_its_own
            case Promised(rejected):
                return self.completed(rejected, helped=f"Flow/{self.task.path}/complete")
            case Ref(number):
                return self.begun[number]
            case Map(inner):
                return Mapped(self.begin(inner))
            case OrTimeout(inner, ms):
                prediction = self.begin(inner)
                return prediction if ms else TimedOut(prediction)
            case Combine(kind, of):
                return COMBINED[kind]([self.begin(part) for part in of])

    def recorded(self, name: str, end: str, failed: Report) -> Report | None:
        report = self.facts.steps.get(name)
        if report is None:
            return None
        if end != "value":
            if report != failed:
                self.wrong(f"step {name} came to {report}, and not {failed}")
        elif report[0] != "ok" or not report[1].startswith(f"{name}#"):
            self.wrong(f"step {name} came to {report}")
        return report

    def completed(self, rejected: bool, *, helped: str | None = None, never: bool = False) -> Prediction:
        name = self.name()
        if helped is not None:
            self.begin_child(Expected(f"{name}!", helped))
        if never:
            return Never()
        return exactly(["failed", 418, f"rejected {name}"] if rejected else ["ok", f"resolved {name}"])

    def call(self, place: str, body: Body) -> Prediction:
        return self.outcome(self.start(place, body, called=True))

    def start(self, place: str, body: Body, *, called: bool = False, announced: bool = False) -> Expected:
        task = Task(self.name(), place, body, "" if announced else None)
        return self.begin_child(Expected(task.path, target_of(task), task, called=called))

    def begin_child(self, child: Expected) -> Expected:
        self.model.expect(child)
        self.children.append(child)
        return child

    def outcome(self, child: Expected) -> Exactly:
        """What whoever waits for it is told."""
        found = self.model.invocation(child.path)
        if found.report[0] == "ok":
            return exactly(["ok", checksum(found.report[1])])
        return exactly(found.report)


def target_of(task: Task) -> str:
    service, _, key = task.place.partition("/")
    return f"{service}/{task.path if service == 'Flow' else key}/run"
