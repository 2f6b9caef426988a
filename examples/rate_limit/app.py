"""Mailings through a mail server that takes only so many mails a second."""

import pgdurable
from pgdurable import Context, Service

from . import mail
from .limiter import limiter, wait_for_turn

mailing = Service("Mailing")


@mailing.handler()
async def announce(ctx: Context, addresses: list[str]) -> int:
    """Send everybody a mail, at the pace of the server. Returns how many will be sent."""
    for address in addresses:
        ctx.service_send(send, address)
    return len(addresses)


@mailing.handler()
async def send(ctx: Context, address: str) -> None:
    """Wait for a turn at the server, then send."""
    await wait_for_turn(ctx, "mail-server")
    await ctx.run_typed("send", mail.send, to=address)


app = pgdurable.app([mailing, limiter])
