"""Sums up a run: tables and a chart for people, JSON for programs.

Of several rounds the median counts. The ratio is taken within each round, between peers that were measured
within a minute of each other, and only then is its median taken.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.chart import Bar, draw
from benchmarks.growth.finding import Finding, table
from benchmarks.machine import Machine
from benchmarks.peers.limit import Limit
from benchmarks.peers.pgdurable import Pgdurable
from benchmarks.run import Measurement
from benchmarks.workloads import WORKLOADS

OURS = Pgdurable.name
COMPARISON, GROWTH = "comparison", "growth"
"""What a run has a part of in the page of the documentation."""
COLUMNS = (
    "workload",
    "clients",
    "peer",
    "requests/s",
    "lowest to highest",
    "p50 ms",
    "p99 ms",
    "CPU us/request",
    "PostgreSQL us/request",
    "errors",
    "ratio",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One peer under one load, over all rounds."""

    workload: str
    clients: int
    peer: str
    rate: float
    lowest_rate: float
    highest_rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float | None
    """Processor time of all processes but PostgreSQL for each good answer."""
    postgres_us: float | None
    errors: int
    ratio: float | None
    """How many times as many requests pgdurable did, on the line of another peer."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything about one run of the suite."""

    date: str
    commit: str
    seconds: int
    rounds: int
    machine: Machine
    versions: Mapping[str, Mapping[str, str]]
    measurements: Sequence[Measurement]
    findings: Sequence[Finding] = ()

    def lines(self) -> list[Line]:
        """The table, in the order in which things were first measured."""
        loads = dict.fromkeys((each.workload, each.clients) for each in self.measurements)
        workloads = dict.fromkeys(workload for workload, _ in loads)
        ordered = sorted(loads, key=lambda load: list(workloads).index(load[0]))
        return [line for workload, clients in ordered for line in self._lines_of(workload, clients)]

    def _lines_of(self, workload: str, clients: int) -> Iterable[Line]:
        peers: dict[str, list[Measurement]] = {}
        for each in sorted(self.measurements, key=lambda each: each.round):
            if (each.workload, each.clients) == (workload, clients):
                peers.setdefault(each.peer, []).append(each)
        for peer, made in peers.items():
            ours = peers.get(OURS, []) if peer != OURS and WORKLOADS[workload].compared else []
            yield _line(workload, clients, peer, made, ours)

    def json(self) -> str:
        """What was measured, and the lines of the table."""
        return json.dumps(asdict(self) | {"lines": [asdict(line) for line in self.lines()]}, indent=2) + "\n"

    def markdown(self) -> str:
        """The tables and what they hold for."""
        return "\n".join(self.parts().values())

    def parts(self) -> dict[str, str]:
        """The Markdown of each part that there is."""
        parts: dict[str, str] = {}
        if self.measurements:
            rounds = f": {self.rounds} rounds of {self.seconds} seconds"
            parts[COMPARISON] = _lines([*_table(self.lines()), "", *self._circumstances(rounds)])
        if self.findings:
            parts[GROWTH] = _lines([*table(self.findings), "", *self._circumstances("")])
        return parts

    def chart(self) -> str | None:
        """The ratios as SVG, where there are some of peers that are no part of pgdurable."""
        bars = [
            Bar(line.workload, line.clients, line.peer, line.ratio)
            for line in self.lines()
            if line.ratio and line.peer != Limit.name
        ]
        return draw(bars) if bars else None

    def _circumstances(self, rounds: str) -> list[str]:
        machine = self.machine
        versions = [f"{name} {what}" for peer in self.versions.values() for name, what in peer.items()]
        return [
            f"- measured {self.date} at commit {self.commit}{rounds}",
            f"- {machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.system}",
            f"- {machine.file_system}, {machine.flush_ms} ms to flush a page{self._disturbance()}",
            f"- {', '.join(versions)}",
        ]

    def _disturbance(self) -> str:
        shares = [each.others for each in self.measurements if each.others is not None]
        if not shares:
            return ""
        return f"; others took {median(shares):.0%} of the processors, at worst {max(shares):.0%}"


def write(run: Run, path: Path) -> None:
    """``path`` gets the JSON, and files beside it the Markdown and the chart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(run.json())
    path.with_suffix(".md").write_text(run.markdown())
    if chart := run.chart():
        path.with_suffix(".svg").write_text(chart)


def update(page: Path, run: Run) -> None:
    """Replace what stands between the marks of each part in a page, and the chart beside the page.

    A part that was not measured stays as it is. Raises ValueError where the page has no place for one.
    """
    text, parts, chart = page.read_text(), run.parts(), run.chart()
    picture = page.with_suffix(".svg")
    if chart:
        parts[COMPARISON] += f"\n![times as many requests as each peer]({picture.name})\n"
    for name, part in parts.items():
        text = _replaced(page, text, name, part)
    page.write_text(text)
    if chart:
        picture.write_text(chart)


def _replaced(page: Path, text: str, name: str, part: str) -> str:
    begin_mark, end_mark = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, begin, rest = text.partition(begin_mark)
    _, end, tail = rest.partition(end_mark)
    if not (begin and end):
        raise ValueError(f"{page} has no place for the table: the marks are {begin_mark} and {end_mark}")
    return f"{head}{begin_mark}\n\n{part}\n{end_mark}{tail}"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _line(
    workload: str, clients: int, peer: str, made: Sequence[Measurement], ours: Sequence[Measurement]
) -> Line:
    samples = [each.sample for each in made]
    rates = [sample.rate for sample in samples]
    # A run that was interrupted may have a round of one peer and not yet of the other.
    pairs = zip(ours, made, strict=False)
    ratios = [one.sample.rate / other.sample.rate for one, other in pairs if other.sample.rate]
    used = [cpu for each in made if (cpu := each.cpu_us())]
    return Line(
        workload,
        clients,
        peer,
        rate=median(rates),
        lowest_rate=min(rates),
        highest_rate=max(rates),
        p50_ms=median(sample.p50_ms for sample in samples),
        p99_ms=median(sample.p99_ms for sample in samples),
        cpu_us=_median([own for own, _ in used]),
        postgres_us=_median([postgres for _, postgres in used]),
        errors=sum(sample.errors for sample in samples),
        ratio=_median(ratios),
    )


def _median(numbers: Sequence[float]) -> float | None:
    return median(numbers) if numbers else None


def _table(lines: Iterable[Line]) -> list[str]:
    rows = [COLUMNS, *(_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    text = [
        "| " + " | ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return [text[0], rule, *text[1:]]


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.workload,
        str(line.clients),
        line.peer,
        f"{line.rate:,.0f}",
        f"{line.lowest_rate:,.0f} to {line.highest_rate:,.0f}",
        f"{line.p50_ms:.1f}",
        f"{line.p99_ms:.1f}",
        _whole(line.cpu_us),
        _whole(line.postgres_us or None),  # a peer without PostgreSQL has nothing in the column
        str(line.errors),
        f"{line.ratio:.2f}×" if line.ratio is not None else "",  # noqa: RUF001 - the sign for "times"
    )


def _whole(number: float | None) -> str:
    return f"{number:,.0f}" if number is not None else ""
