"""Part 3: state. A cart knows what is in it and a seat whether it is taken."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import pgdurable
from pgdurable import Context, ObjectContext, Service, VirtualObject

cart = VirtualObject("CartObject")
ticket = VirtualObject("TicketObject")
checkout_service = Service("CheckoutService")


class Status(StrEnum):
    AVAILABLE = "AVAILABLE"
    RESERVED = "RESERVED"
    SOLD = "SOLD"


@dataclass(frozen=True)
class Order:
    user_id: str
    tickets: list[str]


@cart.handler("addTicket")
async def add_ticket(ctx: ObjectContext, ticket_id: str) -> bool:
    reserved = await ctx.object_call(reserve, key=ticket_id, arg=None)
    if reserved:
        tickets = await ctx.get("tickets", type_hint=list[str]) or []
        ctx.set("tickets", [*tickets, ticket_id])
        ctx.object_send(expire_ticket, key=ctx.key(), arg=ticket_id, send_delay=timedelta(minutes=15))
    return reserved


@cart.handler()
async def checkout(ctx: ObjectContext) -> bool:
    tickets = await ctx.get("tickets", type_hint=list[str]) or []
    if not tickets:
        return False
    paid = await ctx.service_call(handle, arg=Order(ctx.key(), tickets))
    if paid:
        ctx.clear("tickets")
    return paid


@cart.handler("expireTicket")
async def expire_ticket(ctx: ObjectContext, ticket_id: str) -> None:
    tickets = await ctx.get("tickets", type_hint=list[str]) or []
    if ticket_id in tickets:
        ctx.set("tickets", [other for other in tickets if other != ticket_id])
        ctx.object_send(unreserve, key=ticket_id, arg=None)


@ticket.handler()
async def reserve(ctx: ObjectContext) -> bool:
    status = await ctx.get("status", type_hint=Status) or Status.AVAILABLE
    if status is not Status.AVAILABLE:
        return False
    ctx.set("status", Status.RESERVED)
    return True


@ticket.handler()
async def unreserve(ctx: ObjectContext) -> None:
    if await ctx.get("status", type_hint=Status) is not Status.SOLD:
        ctx.clear("status")


@ticket.handler("markAsSold")
async def mark_as_sold(ctx: ObjectContext) -> None:
    if await ctx.get("status", type_hint=Status) is Status.RESERVED:
        ctx.set("status", Status.SOLD)


@checkout_service.handler()
async def handle(ctx: Context, order: Order) -> bool:
    return True


app = pgdurable.app([cart, ticket, checkout_service])
