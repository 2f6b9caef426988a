"""Part 2: a reservation ends after a quarter of an hour, by a message that is sent now and arrives then."""

from dataclasses import dataclass
from datetime import timedelta

import pgdurable
from pgdurable import Context, ObjectContext, Service, VirtualObject

cart = VirtualObject("CartObject")
ticket = VirtualObject("TicketObject")
checkout_service = Service("CheckoutService")


@dataclass(frozen=True)
class Order:
    user_id: str
    tickets: list[str]


@cart.handler("addTicket")
async def add_ticket(ctx: ObjectContext, ticket_id: str) -> bool:
    reserved = await ctx.object_call(reserve, key=ticket_id, arg=None)
    if reserved:
        ctx.object_send(expire_ticket, key=ctx.key(), arg=ticket_id, send_delay=timedelta(minutes=15))
    return reserved


@cart.handler()
async def checkout(ctx: ObjectContext) -> bool:
    return await ctx.service_call(handle, arg=Order(ctx.key(), ["seat2B"]))


@cart.handler("expireTicket")
async def expire_ticket(ctx: ObjectContext, ticket_id: str) -> None:
    ctx.object_send(unreserve, key=ticket_id, arg=None)


@ticket.handler()
async def reserve(ctx: ObjectContext) -> bool:
    print(f"{ctx.key()} is reserved")
    return True


@ticket.handler()
async def unreserve(ctx: ObjectContext) -> None:
    print(f"{ctx.key()} is free again")


@ticket.handler("markAsSold")
async def mark_as_sold(ctx: ObjectContext) -> None:
    print(f"{ctx.key()} is sold")


@checkout_service.handler()
async def handle(ctx: Context, order: Order) -> bool:
    print(f"{order.user_id} buys {', '.join(order.tickets)}")
    return True


app = pgdurable.app([cart, ticket, checkout_service])
