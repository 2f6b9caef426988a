"""What a future may come to, and whether what was reported is that.

A future fails if awaiting it raises, however it is made. Who wins a race is not predicted, but only who takes
part can have won it; and what cannot fail may not be reported to have failed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fuzz.outside import Report


class Prediction(ABC):
    """Of one future."""

    @abstractmethod
    def allows(self, report: Report) -> bool:
        """Whether it may have come to this."""

    @abstractmethod
    def may(self, end: str) -> bool:
        """Whether it may come to an end of this kind, ``ok`` or ``failed``."""


@dataclass(frozen=True)
class Exactly(Prediction):
    """One of these reports."""

    reports: tuple[Report, ...]

    def allows(self, report: Report) -> bool:
        return report in self.reports

    def may(self, end: str) -> bool:
        return any(report[0] == end for report in self.reports)


def exactly(*reports: Report) -> Exactly:
    return Exactly(reports)


@dataclass(frozen=True)
class Value(Prediction):
    """A value that looks like this."""

    fits: Callable[[Any], bool]

    def allows(self, report: Report) -> bool:
        return report[0] == "ok" and self.fits(report[1])

    def may(self, end: str) -> bool:
        return end == "ok"


@dataclass(frozen=True)
class Recorded(Prediction):
    """What is journaled of a step that ends in this way, if it was executed at all."""

    end: str
    report: Report | None

    def allows(self, report: Report) -> bool:
        return report == self.report

    def may(self, end: str) -> bool:
        return end == self.end


class Never(Prediction):
    """Nothing."""

    def allows(self, report: Report) -> bool:
        return False

    def may(self, end: str) -> bool:
        return False


@dataclass(frozen=True)
class Mapped(Prediction):
    of: Prediction

    def allows(self, report: Report) -> bool:
        match report:
            case ["ok", ["mapped", value]]:
                return self.of.allows(["ok", value])
            case ["failed", *_]:
                return self.of.allows(report)
            case _:
                return False

    def may(self, end: str) -> bool:
        return self.of.may(end)


@dataclass(frozen=True)
class TimedOut(Prediction):
    """With a timeout of nothing: either comes first."""

    of: Prediction

    def allows(self, report: Report) -> bool:
        return report == ["failed", 408, "timed out after 0:00:00"] or self.of.allows(report)

    def may(self, end: str) -> bool:
        return end == "failed" or self.of.may(end)


@dataclass(frozen=True)
class Gathered(Prediction):
    of: list[Prediction]

    def allows(self, report: Report) -> bool:
        match report:
            case ["ok", [*parts]] if len(parts) == len(self.of):
                return all(one.allows(part) for one, part in zip(self.of, parts, strict=True))
            case _:
                return False

    def may(self, end: str) -> bool:
        return end == "ok"


@dataclass(frozen=True)
class AllSucceeded(Prediction):
    of: list[Prediction]

    def allows(self, report: Report) -> bool:
        match report:
            case ["ok", [*parts]] if len(parts) == len(self.of):
                return all(one.allows(["ok", part]) for one, part in zip(self.of, parts, strict=True))
            case ["failed", *_]:
                return any(one.allows(report) for one in self.of)
            case _:
                return False

    def may(self, end: str) -> bool:
        return (all if end == "ok" else any)(one.may(end) for one in self.of)


@dataclass(frozen=True)
class AnySucceeded(Prediction):
    of: list[Prediction]

    def allows(self, report: Report) -> bool:
        return self.may(report[0]) and any(one.allows(report) for one in self.of)

    def may(self, end: str) -> bool:
        return (any if end == "ok" else all)(one.may(end) for one in self.of)


@dataclass(frozen=True)
class Raced(Prediction):
    of: list[Prediction]

    def allows(self, report: Report) -> bool:
        return any(one.allows(report) for one in self.of)

    def may(self, end: str) -> bool:
        return any(one.may(end) for one in self.of)


@dataclass(frozen=True)
class Selected(Prediction):
    of: list[Prediction]

    def allows(self, report: Report) -> bool:
        match report:
            case ["ok", [name, value]]:
                return any(
                    name == f"f{number}" and one.allows(["ok", value]) for number, one in enumerate(self.of)
                )
            case ["failed", *_]:
                return any(one.allows(report) for one in self.of)
            case _:
                return False

    def may(self, end: str) -> bool:
        return any(one.may(end) for one in self.of)


@dataclass(frozen=True)
class FirstCompleted(Prediction):
    """Some are done, the others are not: each is one or the other."""

    of: list[Prediction]

    def allows(self, report: Report) -> bool:
        match report:
            case ["ok", [[_, *_] as done, [*pending]]]:
                return each_once(self.of, [*done], [*pending])
            case _:
                return False

    def may(self, end: str) -> bool:
        return end == "ok"


@dataclass(frozen=True)
class OneByOne(Prediction):
    """All, in some order."""

    of: list[Prediction]

    def allows(self, report: Report) -> bool:
        match report:
            case ["ok", [*parts]]:
                return each_once(self.of, [*parts], [])
            case _:
                return False

    def may(self, end: str) -> bool:
        return end == "ok"


def each_once(of: list[Prediction], done: list[Any], pending: list[int]) -> bool:
    """Whether each is in one of the lists, by its number, and those that are done come to what they may."""
    predictions = dict(enumerate(of))
    try:
        completed: dict[Any, Report] = dict(done)
    except (TypeError, ValueError):
        return False  # these are not pairs, but what another future came to
    numbers = [*completed, *pending]
    return set(numbers) == set(predictions) and all(
        predictions[number].allows(part) for number, part in completed.items()
    )


COMBINED: dict[str, Callable[[list[Prediction]], Prediction]] = {
    "gather": Gathered,
    "all": AllSucceeded,
    "any": AnySucceeded,
    "race": Raced,
    "select": Selected,
    "first": FirstCompleted,
    "each": OneByOne,
}
