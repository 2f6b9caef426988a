"""Checkout: reserve, charge, ship. When a step fails for good, or somebody cancels, all is undone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pgdurable import Context, DurableFuture, Service, TerminalError

from . import payments
from .shipping import Label, ship
from .stock import Reservation, release, reserve

checkout = Service("Checkout")

PRICES = {"teapot": 20, "samovar": 900}


Undo = Callable[[], DurableFuture[Any]]


@dataclass(frozen=True)
class Order:
    """What somebody wants, and where."""

    customer: str
    item: str
    quantity: int
    address: str
    gift: bool = False


@dataclass(frozen=True)
class Receipt:
    """How to ask for the order, and how to find the parcel."""

    order_id: str
    paid: int
    tracking: str


@checkout.handler()
async def buy(ctx: Context, order: Order) -> Receipt:
    """All of it, or nothing."""
    if order.item not in PRICES:
        raise TerminalError(f"there is no {order.item} here", 404)
    order_id = str(ctx.uuid())  # the same in every attempt, and a good idempotency key for everybody below
    price = PRICES[order.item] * order.quantity
    undo: list[Undo] = []
    try:
        # What undoes a step is noted before the step: also one that failed may have happened. So each of them
        # has to do with a step that never was.
        undo.append(lambda: ctx.object_call(release, key=order.item, arg=order_id))
        await ctx.object_call(reserve, key=order.item, arg=Reservation(order_id, order.quantity))

        undo.append(lambda: ctx.run_typed("refund", payments.refund, payment_id=order_id))
        await ctx.run_typed(
            "charge", payments.charge, payment_id=order_id, customer=order.customer, amount=price
        )

        tracking = await ctx.object_call(ship, key=order_id, arg=Label(order.address, order.gift))
    except TerminalError:
        for step in reversed(undo):
            await step()
        raise
    return Receipt(order_id, price, tracking)
