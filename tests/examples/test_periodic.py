"""A job is done again and again, on time, until it is stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from examples.periodic.app import app
from examples.periodic.job import following
from tests.engine.watching import until
from tests.examples.conftest import Served, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import App

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def served(serve: Callable[[App], Awaitable[Served]]) -> Served:
    return await serve(app)


def plan(every: str) -> dict[str, Any]:
    return {"service": "Reports", "handler": "print", "argument": "the daily report", "every": every}


def reports() -> int:
    paper = Path("reports.txt")
    return len(paper.read_text().splitlines()) if paper.exists() else 0


@pytest.mark.parametrize(
    ("late", "minutes"),
    [(timedelta(0), 1), (timedelta(seconds=59), 1), (MINUTE, 2), (90 * MINUTE, 91), (-MINUTE, 1)],
)
def test_the_next_time_stays_on_the_grid(late: timedelta, minutes: int) -> None:
    assert following(NOON, MINUTE, now=NOON + late) == NOON + minutes * MINUTE


async def test_it_is_done_again_and_again_without_drifting(served: Served) -> None:
    first = datetime.fromisoformat(await served.call("Job/daily/start", plan("PT0.1S")))

    await until(lambda: reports() >= 3, 60, "three reports")

    running = await served.call("Job/daily/status")
    assert running["runs"] >= 3
    assert (datetime.fromisoformat(running["due"]) - first) % timedelta(seconds=0.1) == timedelta(0)


async def test_what_runs_is_not_started_twice(served: Served) -> None:
    await served.call("Job/daily/start", plan("PT1H"))

    with refused(409, "runs already"):
        await served.call("Job/daily/start", plan("PT1S"))

    assert (await served.call("Job/daily/status"))["plan"]["every"] == "PT3600S"
    await served.call("Job/weekly/start", plan("PT1H"))


async def test_another_interval_holds_at_once(served: Served) -> None:
    await served.call("Job/daily/start", plan("PT1H"))

    await served.call("Job/daily/change", "PT0.1S")

    await until(lambda: reports() >= 2, 60, "two reports")


async def test_after_a_stop_a_tick_that_was_sent_does_nothing(served: Served) -> None:
    await served.call("Job/daily/start", plan("PT0.3S"))
    assert await served.call("Job/daily/stop") == 0
    assert await served.call("Job/daily/status") is None

    ticks = "select status from sys_invocation where target = 'Job/daily/tick'"
    while await served.query(ticks) != [("completed",)]:
        pass

    assert reports() == 0
    await served.call("Job/daily/start", plan("PT0.1S"))
    await until(lambda: reports() == 1, 60, "it can be started again")


async def test_what_cannot_be_planned_is_refused(served: Served) -> None:
    with refused(400, "some time between"):
        await served.call("Job/daily/start", plan("PT0S"))
    with refused(409, "does not run"):
        await served.call("Job/daily/change", "PT1S")
    with refused(400, "not public"):
        await served.call("Job/daily/tick", NOON.isoformat())
