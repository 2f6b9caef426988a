"""Order, an object for each order: paid, cooked and delivered, or cancelled and paid back."""

from dataclasses import dataclass
from enum import StrEnum

from pgdurable import ObjectContext, ObjectSharedContext, TerminalError, VirtualObject

from . import kitchen, payments
from .delivery import Trip, call_off, dispatch

orders = VirtualObject("Order")


class Status(StrEnum):
    """What an order is at, for who waits for it."""

    PLACED = "placed"
    COOKING = "cooking"
    WAITING_FOR_A_DRIVER = "waiting for a driver"
    ON_THE_WAY = "on the way"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Basket:
    """Who wants what, and where."""

    customer: str
    city: str
    dishes: list[str]


@orders.handler()
async def place(ctx: ObjectContext, basket: Basket) -> str:
    """See an order through, from the payment to the door. It takes as long as it takes."""
    if await ctx.get("status") is not None:
        raise TerminalError(f"{ctx.key()} was placed before", 409)
    price = kitchen.price(basket.dishes)
    payment_id = str(ctx.uuid())
    ctx.set("invocation", ctx.request().id)  # for `cancel`
    ctx.set("status", Status.PLACED)
    try:
        await ctx.run_typed(
            "charge", payments.charge, payment_id=payment_id, customer=basket.customer, amount=price
        )
        await cook(ctx, basket)
        await deliver(ctx, basket)
    except TerminalError:
        # Declined, refused by the kitchen, or cancelled: whatever was begun is called off.
        ctx.set("status", Status.CANCELLED)
        ctx.object_send(call_off, key=basket.city, arg=ctx.key())
        await ctx.run_typed("stop the kitchen", kitchen.forget, order=ctx.key())
        await ctx.run_typed("refund", payments.refund, payment_id=payment_id)
        raise
    ctx.set("status", Status.DELIVERED)
    return f"{ctx.key()} was delivered by {await ctx.get('driver', type_hint=str)}"


async def cook(ctx: ObjectContext, basket: Basket) -> None:
    """Give the kitchen the order, together with a bell to ring when it is ready, and wait for the bell.

    The bell is an awakeable. It is rung over HTTP, by whoever has its id, in a minute or in a week.
    """
    bell, rung = ctx.awakeable()
    await ctx.run_typed("to the kitchen", kitchen.prepare, order=ctx.key(), dishes=basket.dishes, bell=bell)
    ctx.set("status", Status.COOKING)
    await rung


async def deliver(ctx: ObjectContext, basket: Basket) -> None:
    """Ask for a driver of the city, and wait until the food is where it belongs."""
    ctx.set("status", Status.WAITING_FOR_A_DRIVER)
    picked_up, driver = ctx.awakeable(type_hint=str)
    arrived, arrival = ctx.awakeable()
    ctx.object_send(dispatch, key=basket.city, arg=Trip(ctx.key(), picked_up, arrived))
    ctx.set("driver", await driver)
    ctx.set("status", Status.ON_THE_WAY)
    await arrival


@orders.handler(kind="shared")
async def status(ctx: ObjectSharedContext) -> Status | None:
    """Answers at any time, while `place` goes on."""
    return await ctx.get("status", type_hint=Status)


@orders.handler(kind="shared")
async def cancel(ctx: ObjectSharedContext) -> None:
    """Change one's mind, as long as nobody is on the way."""
    invocation = await ctx.get("invocation", type_hint=str)
    if invocation is None or await ctx.get("status") in (Status.ON_THE_WAY, Status.DELIVERED):
        raise TerminalError(f"{ctx.key()} cannot be cancelled now", 409)
    ctx.cancel_invocation(invocation)
