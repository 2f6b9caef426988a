"""Turns come at the pace that was set, in order."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest

from examples.rate_limit import limiter, mail
from examples.rate_limit.app import app
from tests.engine.watching import until
from tests.examples.conftest import Served, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import App

SERVER = "Limiter/mail-server"


@pytest.fixture
async def served(serve: Callable[[App], Awaitable[Served]], monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(mail, "recent", list[float]())
    return await serve(app)


def receivers() -> list[str]:
    lines = mail.MAILS.read_text().splitlines() if mail.MAILS.exists() else []
    return [line.split()[-1] for line in lines]


async def test_mails_go_out_in_order_and_no_faster_than_they_may(served: Served) -> None:
    names = [f"reader-{n}" for n in range(1, 7)]
    before = time.time()

    assert await served.call("Mailing/announce", names) == 6

    await until(lambda: len(receivers()) == 6, 60, "all mails")
    assert time.time() - before > 1, "the sixth turn comes a second after the first"
    assert sorted(receivers()) == names


async def test_turns_are_evenly_spaced(served: Served) -> None:
    await served.call(f"{SERVER}/configure", {"per_second": 100})

    turns = [await served.call(f"{SERVER}/takeTurn") for _ in range(20)]

    gaps = [later - earlier for earlier, later in itertools.pairwise(turns)]
    assert min(gaps) >= 0.01 - 1e-6


async def test_a_burst_may_be_taken_at_once(served: Served) -> None:
    await served.call(f"{SERVER}/configure", {"per_second": 0.1, "burst": 3})

    turns = [await served.call(f"{SERVER}/takeTurn") for _ in range(5)]

    assert [round(turn - turns[0]) for turn in turns] == [0, 10, 20, 30, 40]
    assert turns[2] <= time.time() < turns[3]
    assert await served.call(f"{SERVER}/queue") == 3, "the next turn is 30 seconds away, and 0.1 a second"


async def test_a_turn_that_went_by_is_not_taken(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    await served.call(f"{SERVER}/configure", {"per_second": 20})
    monkeypatch.setattr(limiter, "TURN_HOLDS_SECONDS", -3600.0)
    id = await served.send("Mailing/send", "ann")
    taken = "select count(*) from sys_invocation where target = 'Limiter/mail-server/takeTurn'"
    while (await served.query(taken))[0][0] < 3:
        pass
    assert receivers() == []

    monkeypatch.setattr(limiter, "TURN_HOLDS_SECONDS", 3600.0)

    await served.attach(id)
    assert receivers() == ["ann"]


async def test_a_limit_that_lets_nobody_through_is_refused(served: Served) -> None:
    with refused(400, "per_second > 0"):
        await served.call(f"{SERVER}/configure", {"per_second": 0})
    with refused(400, "burst >= 1"):
        await served.call(f"{SERVER}/configure", {"burst": 0})


def test_the_server_turns_away_who_is_too_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "recent", [time.time()] * mail.PER_SECOND)

    with pytest.raises(ConnectionError, match="too many mails"):
        mail.send("ann")
