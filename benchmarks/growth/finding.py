"""What was found out about growth: a number, what it should be, and whether it is."""

from collections.abc import Iterable
from dataclasses import dataclass

COLUMNS = ("what", "measured", "target", "met", "and")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the second table."""

    what: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None
    """None: there is no target."""
    detail: str = ""

    def __str__(self) -> str:
        verdict = "" if self.met is None else f" (target {self.target}: {'met' if self.met else 'MISSED'})"
        return f"{self.what}: {self.shown}{verdict}" + (f"; {self.detail}" if self.detail else "")

    @property
    def shown(self) -> str:
        """The number, as precise as it is meant."""
        number = f"{self.value:,.0f}" if abs(self.value) >= 100 else f"{self.value:.2f}"
        return f"{number} {self.unit}".rstrip()


def table(findings: Iterable[Finding]) -> list[str]:
    """Lines of Markdown."""
    rows = [
        (each.what, each.shown, each.target, {None: "", True: "yes", False: "no"}[each.met], each.detail)
        for each in findings
    ]
    rule = "|" + "---|" * len(COLUMNS)
    return [_row(COLUMNS), rule, *(_row(row) for row in rows)]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
