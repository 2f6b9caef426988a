"""A process dies at an await of the engine, or around a statement, and others finish what it had begun.

Some failpoints of all, chosen by the seed; `make verify CRASHES=1` goes to each, alone and in company.
"""

from __future__ import annotations

import pytest

from tests.engine.programs import seeded
from verify.crashes import ALONE, crash

SOME = 6


@pytest.mark.one_version
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_processes_crash_at_failpoints() -> None:
    campaign, outcomes = crash(seeded(), [ALONE], most=SOME)
    for outcome in outcomes:
        assert outcome.held, f"{outcome.failure} {[str(v) for v in outcome.verdicts if v.violations]}"
    assert len(campaign.known) > 100, "there is hardly an await in the engine"
    assert campaign.crashed[ALONE.width], f"nobody came to one of {campaign.left(ALONE.width)}"
