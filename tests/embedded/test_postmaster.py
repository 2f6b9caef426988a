"""Whether a server lives, asked while it dies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pgdurable.embedded import Postmaster

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")


@pytest.fixture
def process() -> Generator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("opened", [False, True], ids=["before it is looked up", "while it is read"])
def test_one_that_ends_when_it_is_looked_at_is_not_alive(
    process: subprocess.Popen[bytes], opened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_text(path: Path) -> str:
        if not opened:
            end(process)
        with path.open() as file:
            end(process)
            return file.read()

    monkeypatch.setattr(Path, "read_text", read_text)
    assert not Postmaster(process.pid, 5432, ready=True, command="").alive()


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
