"""Parcel, an object for each order: packed, gifts with much love, and handed to a carrier."""

from dataclasses import dataclass
from datetime import timedelta

from pgdurable import ObjectContext, TerminalError, VirtualObject

parcel = VirtualObject("Parcel")

PACKING = timedelta(seconds=1)
WRAPPING = timedelta(hours=1)


@dataclass(frozen=True)
class Label:
    """Where a parcel goes, and in what it is wrapped."""

    address: str
    gift: bool


@parcel.handler()
async def ship(ctx: ObjectContext, label: Label) -> str:
    """Returns the tracking number. Whoever cancels the order meanwhile cancels this, too."""
    if "moon" in label.address.lower():
        raise TerminalError(f"no carrier delivers to {label.address}", 422)
    await ctx.sleep(WRAPPING if label.gift else PACKING)
    return f"parcel-{ctx.random().randrange(10**6):06}"
