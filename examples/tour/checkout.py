"""CheckoutService: takes the money and says so by e-mail."""

from dataclasses import dataclass

from pgdurable import Context, Service

from .outside import charge, send_email

checkout = Service("CheckoutService")

DOLLARS_PER_TICKET = 40


@dataclass(frozen=True)
class Order:
    """Who buys what."""

    user_id: str
    tickets: list[str]


@checkout.handler()
async def handle(ctx: Context, order: Order) -> bool:
    """Charge for an order. The key is the same in every attempt, so that the provider charges once."""
    amount = DOLLARS_PER_TICKET * len(order.tickets)
    idempotency_key = str(ctx.uuid())
    paid = await ctx.run("payment", charge, args=(idempotency_key, amount))
    text = f"you have bought {', '.join(order.tickets)}" if paid else "your payment was declined"
    await ctx.run("email", send_email, args=(order.user_id, text))
    return paid
