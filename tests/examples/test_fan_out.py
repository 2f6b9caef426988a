"""A hundred shops are counted, whatever becomes of some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.fan_out import shops
from examples.fan_out.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import App
    from tests.examples.conftest import Served

CLOSED = {"shop-41": "shop-41 has closed down", "shop-100": "shop-100 has closed down"}
COUNTED = {"items": 4782, "shops": 98, "failed": CLOSED}


@pytest.fixture
async def served(serve: Callable[[App], Awaitable[Served]], monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(shops, "SLOWEST", 0.2)
    monkeypatch.setattr(shops, "called", dict[str, int]())
    return await serve(app)


def answers() -> list[str]:
    """The shops that answered, in order; one that was asked twice comes twice."""
    return [line.split()[0] for line in shops.CALLS.read_text().splitlines()]


async def test_all_shops_are_called_and_some_fail(served: Served) -> None:
    assert await served.call("Stocktaking/countAll", 100) == COUNTED

    assert len(answers()) == len(set(answers())) == 98
    assert len([shop for shop, times in shops.called.items() if times == 2]) > 2, "there are bad lines"


async def test_chunks_come_to_the_same(served: Served) -> None:
    assert await served.call("Stocktaking/countInChunks", 100) == COUNTED

    assert set(answers()) == set(shops.names(100)) - set(CLOSED)
    calls = await served.query("select count(*) from sys_invocation where target = 'Stocktaking/countChunk'")
    assert calls == [(10,)]


async def test_a_line_that_stays_bad_counts_as_failed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(dict[str, int]):
        """It is the first call, each time."""

        def get(self, *_: object) -> int:
            return 0

    monkeypatch.setattr(shops, "called", Forgetful())

    found = await served.call("Stocktaking/countAll", 20)

    assert found["failed"], "some lines are bad"
    assert set(found["failed"].values()) == {f"the line to {shop} is bad" for shop in found["failed"]}
    assert found["shops"] == 20 - len(found["failed"])


async def test_no_shops(served: Served) -> None:
    assert await served.call("Stocktaking/countAll", 0) == {"items": 0, "shops": 0, "failed": {}}
