"""Processor time: read from lines of /proc, summed over what a peer started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from benchmarks.cpu import Cpu, Stat, cpu_used, parse

if TYPE_CHECKING:
    from pathlib import Path


def stat_line(pid: int, name: str, parent: int, *, ticks: tuple[int, int, int, int]) -> str:
    user, system, of_children_user, of_children_system = ticks
    before = f"{pid} ({name}) S {parent} 1 1 0 -1 0 0 0 0 0"
    return f"{before} {user} {system} {of_children_user} {of_children_system} 20 0\n"


def machine(proc: Path, *lines: str) -> Path:
    for line in lines:
        folder = proc / line.partition(" ")[0]
        folder.mkdir(parents=True)
        (folder / "stat").write_text(line)
    return proc


def test_a_name_may_have_spaces_and_parentheses() -> None:
    line = stat_line(7, "a (b) c", 3, ticks=(1, 2, 30, 40))

    assert parse(line) == Stat(7, "a (b) c", parent=3, ticks=73)


def test_all_that_a_process_started_counts_and_postgresql_apart(tmp_path: Path) -> None:
    second = os.sysconf("SC_CLK_TCK")
    proc = machine(
        tmp_path,
        stat_line(1, "init", 0, ticks=(99 * second, 0, 0, 0)),
        stat_line(10, "pgdurable", 1, ticks=(2 * second, second, 0, 0)),
        stat_line(11, "worker", 10, ticks=(second, 0, 0, 0)),
        stat_line(12, "helper", 11, ticks=(0, 0, second, 0)),
        stat_line(20, "postgres", 1, ticks=(second, second, 0, 0)),
        stat_line(21, "postgres", 20, ticks=(4 * second, 0, 0, 0)),
        stat_line(30, "postgres", 1, ticks=(50 * second, 0, 0, 0)),
    )

    assert cpu_used([10, 20], proc) == Cpu(own=5.0, postgres=6.0)


def test_what_is_below_two_of_the_processes_counts_once(tmp_path: Path) -> None:
    second = os.sysconf("SC_CLK_TCK")
    proc = machine(
        tmp_path,
        stat_line(10, "pgdurable", 1, ticks=(second, 0, 0, 0)),
        stat_line(20, "postgres", 10, ticks=(second, 0, 0, 0)),
    )

    assert cpu_used([10, 20], proc) == Cpu(own=1.0, postgres=1.0)


def test_a_process_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    assert cpu_used([10], machine(tmp_path)) == Cpu(0.0, 0.0)


def test_a_system_without_proc_tells_nothing(tmp_path: Path) -> None:
    assert cpu_used([10], tmp_path / "none") is None


def test_our_own_time_goes_forward() -> None:
    before = cpu_used([os.getpid()])
    if before is None:
        return  # no /proc here
    while (now := cpu_used([os.getpid()])) is not None and now.own == before.own:
        sum(range(1000))

    assert now is not None
    assert now.since(before).own > 0
