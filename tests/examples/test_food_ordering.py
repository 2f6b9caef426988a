"""An order sees itself through, or is called off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from examples.food_ordering import delivery, kitchen, payments
from examples.food_ordering.app import app
from tests.engine.watching import until
from tests.examples.conftest import Served, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import App


@pytest.fixture
async def served(serve: Callable[[App], Awaitable[Served]], monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(delivery, "DRIVE", delivery.DRIVE / 1000)
    monkeypatch.setattr(kitchen.luck, "random", lambda: 1.0)
    return await serve(app)


def basket(*dishes: str, customer: str = "ann") -> dict[str, Any]:
    return {"customer": customer, "city": "Berlin", "dishes": dishes}


def slips() -> list[str]:
    return kitchen.PRINTER.read_text().splitlines() if kitchen.PRINTER.exists() else []


def booked() -> list[str]:
    """What was done with money, without ids."""
    lines = payments.BOOKS.read_text().splitlines() if payments.BOOKS.exists() else []
    return [" ".join(word for word in line.split() if len(word) < 36) for line in lines]


async def bell(order: str) -> str:
    """The bell on the slip for an order, when it is printed."""

    def find() -> re.Match[str] | None:
        return re.search(rf"^{order}: .* ring (\S+)$", "\n".join(slips()), re.MULTILINE)

    return (await until(find, 60, f"a slip for {order}"))[1]


async def test_an_order_is_paid_cooked_and_delivered(served: Served) -> None:
    await served.call("Driver/dora/startShift", "Berlin")
    order = await served.send("Order/o-1/place", basket("pizza", "cake"))
    ring = await bell("o-1")
    await served.becomes("Order/o-1/status", "cooking")

    await served.resolve(ring, None)

    assert await served.attach(order) == "o-1 was delivered by dora"
    assert await served.call("Order/o-1/status") == "delivered"
    assert booked() == ["charge ann 13"]
    await served.becomes("Driver/dora/status", "waits for a trip")
    with refused(409, "cannot be cancelled"):
        await served.call("Order/o-1/cancel")
    with refused(409, "was placed before"):
        await served.call("Order/o-1/place", basket("soup"))


async def test_orders_wait_for_drivers_in_their_order(served: Served) -> None:
    for number in (1, 2):
        await served.send(f"Order/o-{number}/place", basket("soup"))
        await served.resolve(await bell(f"o-{number}"), None)
        await served.becomes(f"Order/o-{number}/status", "waiting for a driver")

    await served.call("Driver/dora/startShift", "Berlin")

    await served.becomes("Order/o-2/status", "delivered")
    assert await served.call("Order/o-1/status") == "delivered", "dora drove there first"


async def test_a_jammed_printer_is_asked_again_and_prints_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    jams = iter([0.0, 0.0])
    monkeypatch.setattr(kitchen.luck, "random", lambda: next(jams, 1.0))

    await served.send("Order/o-1/place", basket("soup"))

    await bell("o-1")
    assert next(jams, None) is None, "it jammed twice"
    assert len(slips()) == 1
    assert booked() == ["charge ann 6"]


async def test_a_cancelled_order_is_called_off_and_paid_back(served: Served) -> None:
    order = await served.send("Order/o-1/place", basket("soup"))
    await served.resolve(await bell("o-1"), None)
    await served.becomes("Order/o-1/status", "waiting for a driver")

    await served.call("Order/o-1/cancel")

    with refused(409, "cancelled"):
        await served.attach(order)
    assert await served.call("Order/o-1/status") == "cancelled"
    assert booked() == ["charge ann 6", "refund"]
    assert slips()[-1] == "o-1: forget it"

    await served.call("Driver/dora/startShift", "Berlin")
    await served.becomes("Driver/dora/status", "waits for a trip")


async def test_a_kitchen_that_cannot_is_paid_back(served: Served) -> None:
    order = await served.send("Order/o-1/place", basket("pizza"))

    await served.reject(await bell("o-1"), "no more dough")

    with refused(500, "no more dough"):
        await served.attach(order)
    assert booked() == ["charge ann 9", "refund"]


@pytest.mark.parametrize(
    ("dishes", "code", "part"),
    [
        (["caviar"], 404, "there is no caviar"),
        ([], 404, "no order without dishes"),
        (["pizza"] * 12, 402, "the card of ann was declined"),
    ],
    ids=["not on the menu", "nothing", "too dear"],
)
async def test_what_cannot_be_had_costs_nothing(
    served: Served, dishes: list[str], code: int, part: str
) -> None:
    with refused(code, part):
        await served.call("Order/o-1/place", basket(*dishes))

    assert booked() == []
    assert slips() == []
