"""The table: medians over the rounds, ratios within each round, the time of processors for each answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.cpu import Cpu
from benchmarks.growth.finding import Finding
from benchmarks.load import Sample
from benchmarks.machine import Machine
from benchmarks.report import Run, update, write
from benchmarks.run import Measurement

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = Machine("a processor", 2, 4.0, "Linux 6", "3.13.1", "ext4", 0.2)


def measurement(
    peer: str, number: int, good: int, *, cpu: Cpu | None = None, workload: str = "echo", errors: int = 0
) -> Measurement:
    return Measurement(workload, 32, peer, number, Sample(2.0, good, errors, 1.0, 2.0), cpu, others=0.1)


def run(*measurements: Measurement, findings: tuple[Finding, ...] = ()) -> Run:
    versions = {"pgdurable": {"pgdurable": "1.0"}}
    return Run("2026-11-20 12:00 UTC", "abc", 2, 3, MACHINE, versions, measurements, findings)


def test_the_median_of_the_rounds_counts_and_the_spread_is_told() -> None:
    (line,) = run(
        *(measurement("pgdurable", number, good) for number, good in enumerate([20, 60, 30]))
    ).lines()

    assert (line.rate, line.lowest_rate, line.highest_rate) == (15, 10, 30)


def test_a_ratio_is_taken_within_a_round() -> None:
    lines = run(
        measurement("pgdurable", 1, 100),
        measurement("restate", 1, 10),
        measurement("restate", 2, 100),
        measurement("pgdurable", 2, 400),
        measurement("pgdurable", 3, 500),
        measurement("restate", 3, 100),
    ).lines()

    assert [(line.peer, line.ratio) for line in lines] == [("pgdurable", None), ("restate", 5.0)]


def test_processor_time_is_for_each_good_answer_and_postgresqls_apart() -> None:
    (line,) = run(measurement("pgdurable", 1, 1000, cpu=Cpu(own=0.5, postgres=0.25))).lines()

    assert (line.cpu_us, line.postgres_us) == (500, 250)


def test_without_a_good_answer_there_is_no_time_for_each() -> None:
    (line,) = run(measurement("pgdurable", 1, 0, cpu=Cpu(0.5, 0.5), errors=3)).lines()

    assert line.cpu_us is None
    assert line.errors == 3


def test_sleepers_are_not_compared_by_how_many_there_are() -> None:
    lines = run(
        measurement("pgdurable", 1, 100, workload="sleepers"),
        measurement("restate", 1, 10, workload="sleepers"),
    ).lines()

    assert [line.ratio for line in lines] == [None, None]


def test_a_table_has_a_row_for_each_line_and_the_circumstances_below() -> None:
    text = run(
        measurement("pgdurable", 1, 1000, cpu=Cpu(0.5, 0.25)), measurement("restate", 1, 200, cpu=Cpu(0.5, 0))
    ).markdown()

    head, _, ours, theirs, _, *circumstances = text.splitlines()
    assert [cell.strip() for cell in head.split("|")][-5:-2] == [
        "CPU us/request",
        "PostgreSQL us/request",
        "errors",
    ]
    assert [cell.strip() for cell in ours.split("|")][-5:-1] == ["500", "250", "0", ""]
    assert [cell.strip() for cell in theirs.split("|")][-5:-1] == ["2,500", "", "0", "5.00×"]  # noqa: RUF001
    assert circumstances[0] == "- measured 2026-11-20 12:00 UTC at commit abc: 3 rounds of 2 seconds"


def test_a_finding_says_whether_it_is_what_it_should_be() -> None:
    findings = (
        Finding("queries", 12.0, "a second", target="under 5", met=False),
        Finding("steps", 4321.5, "steps/s", detail="of 32 clients"),
    )

    text = run(findings=findings).markdown()

    assert "| queries | 12.00 a second | under 5 | no |  |" in text
    assert "| steps | 4,322 steps/s |  |  | of 32 clients |" in text


def test_the_json_has_every_measurement_and_tables_and_chart_go_beside_it(tmp_path: Path) -> None:
    result = run(measurement("pgdurable", 1, 1000), measurement("restate", 1, 100))

    write(result, tmp_path / "new" / "last.json")

    kept = json.loads((tmp_path / "new" / "last.json").read_text())
    assert kept["measurements"][0]["sample"]["good"] == 1000
    assert kept["lines"][0]["rate"] == 500
    assert (tmp_path / "new" / "last.md").read_text() == result.markdown()
    assert (tmp_path / "new" / "last.svg").read_text() == result.chart()


def test_the_limit_is_no_competitor_in_the_chart() -> None:
    assert run(measurement("pgdurable", 1, 1000), measurement("limit", 1, 3000)).chart() is None


PAGE = """before
<!-- comparison: begin -->
old
<!-- comparison: end -->
between
<!-- growth: begin -->
old
<!-- growth: end -->
after
"""


def test_a_page_keeps_what_was_not_measured(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    compared = run(measurement("pgdurable", 1, 1000))
    grown = run(findings=(Finding("queries", 2.0, "a second"),))

    update(page, compared)
    assert page.read_text() == PAGE.replace("old", f"\n{compared.markdown()}", 1)

    update(page, grown)
    text = page.read_text()
    assert compared.markdown() in text
    assert grown.markdown() in text
    assert text.startswith("before")
    assert text.endswith("after\n")
    assert not (tmp_path / "page.svg").exists()  # nothing was compared


def test_the_chart_is_shown_below_the_comparison(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    result = run(measurement("pgdurable", 1, 1000), measurement("restate", 1, 100))

    update(page, result)

    assert "](page.svg)\n\n<!-- comparison: end -->" in page.read_text()
    assert (tmp_path / "page.svg").read_text() == result.chart()


def test_a_page_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("only text\n")

    with pytest.raises(ValueError, match="has no place for the table"):
        update(page, run(measurement("pgdurable", 1, 1000)))

    assert page.read_text() == "only text\n"
