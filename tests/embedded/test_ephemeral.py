"""A folder with a server that is there as long as a process uses it, and no longer."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from pgdurable.embedded import guardian
from pgdurable.embedded.ephemeral import EphemeralFolder, run_name

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HOLD = """
import sys
from pgdurable.embedded.ephemeral import EphemeralFolder

folder = EphemeralFolder.join(sys.argv[1])
print(folder.path, flush=True)
sys.stdin.read()
"""


def holding(name: str) -> subprocess.Popen[str]:
    """Another process that uses the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def until_gone(path: Path) -> None:
    deadline = time.monotonic() + 30
    while path.exists():
        assert time.monotonic() < deadline, f"{path} is still there"
        time.sleep(0.01)


def test_those_who_know_its_name_share_it_and_it_goes_with_the_last() -> None:
    name = run_name()
    mine = EphemeralFolder.join(name)
    (mine.path / "something").touch()
    with holding(name) as other:
        mine.leave()
        guardian.guard(mine.path, wait=False)
        assert (mine.path / "something").exists()
        other.kill()
    until_gone(mine.path)


def test_what_comes_after_the_last_is_a_new_folder() -> None:
    name = run_name()
    first = EphemeralFolder.join(name)
    (first.path / "something").touch()
    first.leave()
    until_gone(first.path / "something")
    second = EphemeralFolder.join(name)
    assert second.path == first.path
    assert not (second.path / "something").exists()
    second.leave()
    until_gone(second.path)


def test_a_folder_in_use_is_left_alone() -> None:
    folder = EphemeralFolder.join()
    try:
        guardian.guard(folder.path, wait=False)
        assert folder.path.exists()
    finally:
        folder.leave()
    until_gone(folder.path)


def test_a_folder_that_is_not_there_needs_no_guard(tmp_path: Path) -> None:
    guardian.guard(tmp_path / "nothing")


def test_each_server_of_a_folder_has_a_port_of_its_own(request: pytest.FixtureRequest) -> None:
    folder = EphemeralFolder.join()
    request.addfinalizer(folder.leave)
    assert folder.port("18") == folder.port("18")
    assert folder.port("18") != folder.port("16")
