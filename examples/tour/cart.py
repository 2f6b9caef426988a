"""CartObject, one for each user: the seats that are reserved for this user."""

from datetime import timedelta

from pgdurable import ObjectContext, VirtualObject

from .checkout import Order, handle
from .ticket import mark_as_sold, reserve, unreserve

cart = VirtualObject("CartObject")

RESERVED_FOR = timedelta(minutes=15)


@cart.handler("addTicket")
async def add_ticket(ctx: ObjectContext, ticket_id: str) -> bool:
    """Reserve a seat and put it into the cart. False if somebody else has it."""
    reserved = await ctx.object_call(reserve, key=ticket_id, arg=None)
    if reserved:
        tickets = await ctx.get("tickets", type_hint=list[str]) or []
        ctx.set("tickets", [*tickets, ticket_id])
        ctx.object_send(expire_ticket, key=ctx.key(), arg=ticket_id, send_delay=RESERVED_FOR)
    return reserved


@cart.handler()
async def checkout(ctx: ObjectContext) -> bool:
    """Buy what is in the cart. False if it is empty or was not paid."""
    tickets = await ctx.get("tickets", type_hint=list[str]) or []
    if not tickets:
        return False
    paid = await ctx.service_call(handle, arg=Order(user_id=ctx.key(), tickets=tickets))
    if paid:
        for ticket_id in tickets:
            ctx.object_send(mark_as_sold, key=ticket_id, arg=None)
        ctx.clear("tickets")
    return paid


@cart.handler("expireTicket")
async def expire_ticket(ctx: ObjectContext, ticket_id: str) -> None:
    """Give a seat back that has not been bought by now."""
    tickets = await ctx.get("tickets", type_hint=list[str]) or []
    if ticket_id in tickets:
        ctx.set("tickets", [other for other in tickets if other != ticket_id])
        ctx.object_send(unreserve, key=ticket_id, arg=None)
