"""What the load generator prints, and what is made of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from benchmarks.load import LoadError, Requests, Sample, drive

if TYPE_CHECKING:
    from pathlib import Path

GOOD = (
    'RESULT {"seconds": 2.0, "answered": 100, "sent": 132, "bad_status": %d, "broken": 0, "late": 0, '
    '"p50_ms": 1.5, "p99_ms": 9.0}'
)


@pytest.fixture
def generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of wrk: it keeps its arguments and prints what the test says."""
    program = tmp_path / "wrk"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\ncat {tmp_path}/output\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def load(folder: Path, output: str, requests: Requests | None = None, clients: int = 32) -> Sample:
    (folder / "output").write_text(f"Running 2s test\n{output}\n")
    return drive("http://there", requests or Requests("/echo", "1"), clients=clients, seconds=1.5)


def test_what_is_under_way_at_the_end_is_no_error(generator: Path) -> None:
    assert load(generator, GOOD % 0) == Sample(2.0, 100, 0, 1.5, 9.0)


def test_a_request_that_vanished_is_an_error(generator: Path) -> None:
    assert load(generator, GOOD % 0, clients=30).errors == 2


def test_a_bad_status_is_an_error_and_no_answer(generator: Path) -> None:
    sample = load(generator, GOOD % 7)

    assert (sample.good, sample.errors, sample.rate) == (93, 7, 46.5)


def test_what_is_to_be_sent_reaches_the_script(generator: Path) -> None:
    load(generator, GOOD % 0, Requests("/sleep", "5", count=1000, pace=200.5))

    arguments = (generator / "arguments").read_text().split()
    assert "-c32" in arguments
    assert "-d2s" in arguments  # wrk takes whole seconds
    assert arguments[-6:] == ["--", "/sleep", "5", "1", "1000", "200.5"]


def test_without_a_result_there_is_nothing_to_report(generator: Path) -> None:
    with pytest.raises(LoadError, match="measured nothing at http://there: Running 2s test"):
        load(generator, "unable to connect")
