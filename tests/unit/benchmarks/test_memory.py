"""Memory: of all that a peer started, PostgreSQL apart."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from benchmarks.memory import resident_bytes

if TYPE_CHECKING:
    from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


def process(proc: Path, pid: int, name: str, parent: int, pages: int) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0\n")
    (folder / "statm").write_text(f"9999 {pages} 1 1 0 1 0\n")


def test_pages_of_a_tree_are_added_without_postgresqls(tmp_path: Path) -> None:
    process(tmp_path, 1, "init", 0, 1000)
    process(tmp_path, 10, "pgdurable", 1, 3)
    process(tmp_path, 11, "worker", 10, 4)
    process(tmp_path, 20, "postgres", 10, 500)

    assert resident_bytes([10], tmp_path) == 7 * PAGE


def test_a_system_without_proc_tells_nothing(tmp_path: Path) -> None:
    assert resident_bytes([10], tmp_path / "none") is None
