"""The plan of a round comes from its seed, and mutants fit the engine that they break."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any, cast

import pytest

from verify.__main__ import main
from verify.checkers import INVARIANTS
from verify.faults import FAULTS, Breaker, Planned, carry_out, plan
from verify.mutants import Mutant, mutants


def test_a_seed_is_a_plan() -> None:
    names = list(FAULTS)
    assert plan(7, 60, names) == plan(7, 60, names)
    assert plan(7, 60, names) != plan(8, 60, names)


def test_something_breaks_every_two_seconds_and_everything_in_a_minute() -> None:
    planned = plan(7, 60, list(FAULTS))
    assert all(later.at - earlier.at < 2 for earlier, later in pairwise(planned))
    assert {fault.name for fault in planned} == set(FAULTS)


async def test_who_ends_a_plan_early_finds_mended_what_was_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, mended = asyncio.Event(), False

    async def fault(*_: Any) -> None:
        nonlocal mended
        broken.set()
        await asyncio.sleep(0.01)
        mended = True

    monkeypatch.setitem(FAULTS, "worker_killed", fault)
    planned = [Planned(0, 0, "worker_killed"), Planned(1, 3600, "postgres_restarted")]
    nothing = cast("Any", None)
    carried_out = asyncio.create_task(carry_out(Breaker(nothing, nothing), 7, planned, lambda: None))
    await broken.wait()
    carried_out.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carried_out
    assert mended


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_mutants_change_what_there_is(mutant: Mutant) -> None:
    if mutant.replacement is not None:
        assert mutant.replacement.text()
    assert set(mutant.faults) <= set(FAULTS)


def test_there_are_twenty_mutants_at_least() -> None:
    assert len(mutants()) >= 20


@pytest.mark.parametrize(
    ("option", "known"), [("--mutants", "sql_timers_fire_early"), ("--faults", "worker_killed")]
)
def test_a_name_that_means_nothing_is_not_left_out(
    option: str, known: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([option, f"{known},worker_kiled"])
    assert f"{option}: no worker_kiled; there are" in capsys.readouterr().err


def test_each_invariant_says_what_it_is() -> None:
    for file in INVARIANTS.glob("*.sql"):
        assert file.read_text(encoding="utf-8").startswith(f"-- I{int(file.name[1:3])}"), file
