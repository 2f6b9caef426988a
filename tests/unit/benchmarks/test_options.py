"""The command line: what is measured when one asks for what."""

from __future__ import annotations

import pytest

from benchmarks.growth import GROWTH
from benchmarks.options import parse
from benchmarks.peers import BY_DEFAULT
from benchmarks.workloads import WORKLOADS


def test_without_options_everything_is_measured() -> None:
    options = parse([])

    assert (options.workload, options.peer, options.growth) == (list(WORKLOADS), BY_DEFAULT, list(GROWTH))
    assert (options.rounds, options.clients) == (3, [1, 32, 128])


@pytest.mark.parametrize("asked", [["--workload", "echo"], ["--peer", "pgdurable"]])
def test_who_wants_a_comparison_gets_no_growth(asked: list[str]) -> None:
    assert parse(asked).growth == []


def test_who_wants_growth_gets_no_comparison() -> None:
    options = parse(["--growth", "idle,memory"])

    assert (options.workload, options.growth) == ([], ["idle", "memory"])


def test_both_can_be_had() -> None:
    options = parse(["--workload", "echo", "--growth", "all"])

    assert (options.workload, options.growth) == (["echo"], list(GROWTH))


def test_quick_changes_defaults_and_nothing_that_is_said() -> None:
    options = parse(["--quick", "--seconds", "7"])

    assert (options.rounds, options.scale, options.seconds) == (1, 0.01, 7)


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parse(["--workload", "ecko"])

    assert "no ecko; there are echo, steps9" in capsys.readouterr().err
