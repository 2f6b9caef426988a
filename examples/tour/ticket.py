"""TicketObject, one for each seat. Its handlers run one after the other, so a seat has one buyer."""

from enum import StrEnum

from pgdurable import ObjectContext, VirtualObject

ticket = VirtualObject("TicketObject")


class Status(StrEnum):
    """No state at all is AVAILABLE too: nobody has asked for the seat yet."""

    AVAILABLE = "AVAILABLE"
    RESERVED = "RESERVED"
    SOLD = "SOLD"


@ticket.handler()
async def reserve(ctx: ObjectContext) -> bool:
    """Take the seat if nobody has it."""
    if await status_of(ctx) is not Status.AVAILABLE:
        return False
    ctx.set("status", Status.RESERVED)
    return True


@ticket.handler()
async def unreserve(ctx: ObjectContext) -> None:
    """Give the seat back, unless it is sold."""
    if await status_of(ctx) is not Status.SOLD:
        ctx.clear("status")


@ticket.handler("markAsSold")
async def mark_as_sold(ctx: ObjectContext) -> None:
    """The seat is paid."""
    if await status_of(ctx) is Status.RESERVED:
        ctx.set("status", Status.SOLD)


async def status_of(ctx: ObjectContext) -> Status:
    return await ctx.get("status", type_hint=Status) or Status.AVAILABLE
