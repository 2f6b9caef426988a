"""A checkout is all or nothing, whoever says no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from examples.payment_saga import payments, shipping
from examples.payment_saga.app import app
from tests.engine.watching import until
from tests.examples.conftest import Served, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import App


@pytest.fixture
async def served(serve: Callable[[App], Awaitable[Served]], monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(shipping, "PACKING", shipping.PACKING / 1000)
    served = await serve(app)
    assert await served.call("Stock/teapot/restock", 3) == 3
    return served


def order(quantity: int, **different: Any) -> dict[str, Any]:
    return {"customer": "ann", "item": "teapot", "quantity": quantity, "address": "Main Street 1"} | different


def booked() -> list[str]:
    """What was done with money, without ids."""
    lines = payments.BOOKS.read_text().splitlines() if payments.BOOKS.exists() else []
    return [" ".join(word for word in line.split() if len(word) < 36) for line in lines]


async def test_an_order_goes_through(served: Served) -> None:
    receipt = await served.call("Checkout/buy", order(2))

    assert receipt["paid"] == 40
    assert receipt["tracking"].startswith("parcel-")
    assert booked() == ["charge ann 40"]
    assert await served.call("Stock/teapot/free") == 1


async def test_an_answer_that_gets_lost_costs_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = iter([0.0, 0.0])
    monkeypatch.setattr(payments.weather, "random", lambda: next(lost, 1.0))

    await served.call("Checkout/buy", order(1))

    assert next(lost, None) is None, "it was asked three times"
    assert booked() == ["charge ann 20"]


async def test_the_same_request_twice_is_one_order(served: Served) -> None:
    first = await served.call("Checkout/buy", order(1), idempotency_key="click-1")
    again = await served.call("Checkout/buy", order(1), idempotency_key="click-1")

    assert again == first
    assert booked() == ["charge ann 20"]


@pytest.mark.parametrize(
    ("wanted", "code", "part", "money"),
    [
        (order(4), 409, "only 3 of teapot left", []),
        (order(1, item="unicorn"), 404, "there is no unicorn", []),
        (order(1, address="The Moon"), 422, "no carrier", ["charge ann 20", "refund"]),
    ],
    ids=["sold out", "unknown", "out of reach"],
)
async def test_what_is_refused_is_undone(
    served: Served, wanted: dict[str, Any], code: int, part: str, money: list[str]
) -> None:
    with refused(code, part):
        await served.call("Checkout/buy", wanted)

    assert booked() == money
    assert await served.call("Stock/teapot/free") == 3


async def test_a_declined_card_gives_back_what_was_reserved(served: Served) -> None:
    await served.call("Stock/samovar/restock", 2)

    with refused(402, "declined"):
        await served.call("Checkout/buy", order(2, item="samovar"))

    assert booked() == []
    assert await served.call("Stock/samovar/free") == 2


async def test_a_cancelled_order_is_undone(served: Served) -> None:
    id = await served.send("Checkout/buy", order(3, gift=True))
    await until(booked, 60, "the charge")

    await served.cancel(id)

    with refused(409, "cancelled"):
        await served.attach(id)
    assert booked() == ["charge ann 60", "refund"]
    assert await served.call("Stock/teapot/free") == 3
    shipped = await served.query(
        "select completion_failure from sys_invocation where target like 'Parcel/%%'"
    )
    assert all("cancelled" in failure for (failure,) in shipped)
