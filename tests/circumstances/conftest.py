"""Every API in every circumstance: first run, replay, crash and second process.

`catalogue` says what a program is, programs/ are the programs with what is expected of them, `stage` makes
the circumstances, and test_programs.py asks for the report of each program in each circumstance. All programs
of a circumstance run at once, before the first of these tests, so that a crash costs one kill and not a
hundred; and once for all workers of pytest-xdist.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.circumstances.catalogue import CATALOGUE
from tests.circumstances.circumstance import Circumstance
from tests.circumstances.report import Report
from tests.circumstances.stage import Stage
from tests.fixtures.postgres import locked, shared_dir

if TYPE_CHECKING:
    from pathlib import Path

    from pgdurable.testing.databases import Databases
    from tests.engine.processes import Nursery

Reports = Callable[[Circumstance], dict[str, Report]]


@pytest.fixture(scope="session")
def reports(
    databases: Databases,
    nursery: Nursery,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Reports:
    """What came of the selected programs in a circumstance. They are run when somebody asks first."""
    selected = {item.name.partition("-")[2].rstrip("]") for item in request.session.items}
    programs = [program for name, program in CATALOGUE.items() if name in selected]
    known: dict[Circumstance, dict[str, Report]] = {}

    def play(circumstance: Circumstance) -> list[Report]:
        database = databases.create()
        try:
            folder = tmp_path_factory.mktemp(circumstance.name)
            stage = Stage(circumstance, nursery, folder, databases.server.dsn(database))
            return asyncio.run(stage.play(programs))
        finally:
            databases.drop(database)

    def report(circumstance: Circumstance) -> dict[str, Report]:
        if circumstance not in known:
            folder = shared_dir() / circumstance.name
            folder.mkdir(exist_ok=True)
            made = once(folder, lambda: play(circumstance))
            known[circumstance] = {report.name: report for report in made}
        return known[circumstance]

    return report


def once(folder: Path, make: Callable[[], list[Report]]) -> list[Report]:
    """Make them, unless another worker of this session did."""
    made = folder / "reports"
    with locked(folder):
        if not made.exists():
            made.write_bytes(pickle.dumps(make()))
        reports: list[Report] = pickle.loads(made.read_bytes())
    return reports
