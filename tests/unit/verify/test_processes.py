"""Which processes count as having served: one that never got so far may end, and is started again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.processes import Process
from verify.cluster import Cluster, Options

if TYPE_CHECKING:
    from pathlib import Path

STARTED = "01:02:03 DEBUG pgdurable: served by nobody yet\nready\n"
NO_CONNECTION = "pgdurable.store.errors.Unavailable: cannot connect to PostgreSQL: too many clients already\n"


def ended(folder: Path, log: str, code: int) -> Process:
    output = folder / "process.log"
    output.write_text(log)
    (folder / "process.log.exit").write_text(str(code))
    return Process(1, output)


@pytest.mark.parametrize(
    ("log", "code", "as_expected"),
    [
        (NO_CONNECTION, 1, True),
        (STARTED + NO_CONNECTION, 1, False),
        (STARTED, 0, True),
        (STARTED, 3, False),
        (NO_CONNECTION, 3, False),
    ],
)
def test_an_end(tmp_path: Path, log: str, code: int, as_expected: bool) -> None:
    cluster = Cluster(tmp_path, Options())
    cluster.ended.append(("worker 0", code, ended(tmp_path, log, code)))
    assert (cluster.unexpected_ends() == []) is as_expected


def test_already_is_not_ready(tmp_path: Path) -> None:
    assert not ended(tmp_path, NO_CONNECTION, 1).serves
    assert ended(tmp_path, STARTED, 0).serves
