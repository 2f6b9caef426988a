"""Stock, an object for each item: how many are free, and who has reserved how many."""

from dataclasses import dataclass

from pgdurable import ObjectContext, ObjectSharedContext, TerminalError, VirtualObject

stock = VirtualObject("Stock")


@dataclass(frozen=True)
class Reservation:
    """So many for an order."""

    order_id: str
    quantity: int


@stock.handler()
async def restock(ctx: ObjectContext, quantity: int) -> int:
    """New ones have arrived. Returns how many are free."""
    free = await free_items(ctx) + quantity
    ctx.set("free", free)
    return free


@stock.handler()
async def reserve(ctx: ObjectContext, wanted: Reservation) -> None:
    """Put some aside for an order."""
    free = await free_items(ctx)
    if free < wanted.quantity:
        raise TerminalError(f"only {free} of {ctx.key()} left", 409)
    ctx.set("free", free - wanted.quantity)
    ctx.set(wanted.order_id, wanted.quantity)


@stock.handler()
async def release(ctx: ObjectContext, order_id: str) -> None:
    """Put back what was reserved for an order, if anything was."""
    quantity = await ctx.get(order_id, type_hint=int) or 0
    ctx.set("free", await free_items(ctx) + quantity)
    ctx.clear(order_id)


@stock.handler(kind="shared")
async def free(ctx: ObjectSharedContext) -> int:
    """How many can be had."""
    return await free_items(ctx)


async def free_items(ctx: ObjectContext | ObjectSharedContext) -> int:
    return await ctx.get("free", type_hint=int) or 0
