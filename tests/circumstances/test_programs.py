"""Each program of the catalogue, in each circumstance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.circumstances import apps
from tests.circumstances.catalogue import CATALOGUE, UNSAID
from tests.circumstances.circumstance import Circumstance

if TYPE_CHECKING:
    from tests.circumstances.conftest import Reports

assert apps.whole.services, "the programs are in the catalogue once their modules are imported"


@pytest.mark.timeout(400)  # whoever asks first runs all of them
@pytest.mark.parametrize("name", sorted(CATALOGUE))
@pytest.mark.parametrize("circumstance", list(Circumstance), ids=lambda circumstance: circumstance.value)
def test_program(reports: Reports, circumstance: Circumstance, name: str) -> None:
    program, report = CATALOGUE[name], reports(circumstance)[name]
    assert not report.error, f"{report.error}\n{report.story}"
    if program.comes is not UNSAID:
        assert report.came == program.comes, report.story
    if program.journal is not None:
        assert report.journal == list(program.journal)
    expected = dict.fromkeys(report.did, 1) | program.did
    assert {what: report.did[what] for what in expected} == {
        what: report.did[what] if times is None else times for what, times in expected.items()
    }
    if program.replays and circumstance in (Circumstance.REPLAY, Circumstance.CRASH):
        assert report.attempts > 1
    if program.check is not None:
        program.check(report)
