"""Dispatcher, an object for each city, and Driver, one for each driver.

Nobody here waits for anything: a dispatcher keeps two queues, and a driver sends himself a message for the
time when he will be there. So their keys are free again after a millisecond, however long a trip takes.
"""

from dataclasses import dataclass
from datetime import timedelta

from pgdurable import ObjectContext, ObjectSharedContext, TerminalError, VirtualObject

dispatcher = VirtualObject("Dispatcher")
driver = VirtualObject("Driver")

DRIVE = timedelta(seconds=2)


@dataclass(frozen=True)
class Trip:
    """What is delivered, and the awakeables of who wants to hear about it."""

    order: str
    picked_up: str
    arrived: str


@dispatcher.handler()
async def dispatch(ctx: ObjectContext, trip: Trip) -> None:
    """Somebody needs a driver."""
    await pair(ctx, await free_drivers(ctx), [*await waiting_trips(ctx), trip])


@dispatcher.handler("driverIsFree")
async def driver_is_free(ctx: ObjectContext, name: str) -> None:
    """A driver needs something to do."""
    await pair(ctx, [*await free_drivers(ctx), name], await waiting_trips(ctx))


@dispatcher.handler("callOff")
async def call_off(ctx: ObjectContext, order: str) -> None:
    """Nobody needs to drive there any more."""
    ctx.set("trips", [trip for trip in await waiting_trips(ctx) if trip.order != order])


async def pair(ctx: ObjectContext, drivers: list[str], trips: list[Trip]) -> None:
    """The first driver gets the first trip. At most one of the queues has anything left then."""
    if drivers and trips:
        ctx.object_send(drive, key=drivers.pop(0), arg=trips.pop(0))
    ctx.set("drivers", drivers)
    ctx.set("trips", trips)


async def free_drivers(ctx: ObjectContext) -> list[str]:
    return await ctx.get("drivers", type_hint=list[str]) or []


async def waiting_trips(ctx: ObjectContext) -> list[Trip]:
    return await ctx.get("trips", type_hint=list[Trip]) or []


@driver.handler("startShift")
async def start_shift(ctx: ObjectContext, city: str) -> None:
    """Be there for trips in a city."""
    if await ctx.get("city") is not None:
        raise TerminalError(f"{ctx.key()} is at work already", 409)
    ctx.set("city", city)
    ctx.object_send(driver_is_free, key=city, arg=ctx.key())


@driver.handler()
async def drive(ctx: ObjectContext, trip: Trip) -> None:
    """Pick it up, and arrive in a while."""
    ctx.set("trip", trip)
    ctx.resolve_awakeable(trip.picked_up, ctx.key())
    ctx.object_send(arrive, key=ctx.key(), arg=None, send_delay=DRIVE)


@driver.handler()
async def arrive(ctx: ObjectContext) -> None:
    """Hand it over, and be free for the next."""
    trip = await ctx.get("trip", type_hint=Trip)
    city = await ctx.get("city", type_hint=str)
    if trip is None or city is None:
        raise TerminalError(f"{ctx.key()} is not on a trip", 409)
    ctx.clear("trip")
    ctx.resolve_awakeable(trip.arrived, None)
    ctx.object_send(driver_is_free, key=city, arg=ctx.key())


@driver.handler(kind="shared")
async def status(ctx: ObjectSharedContext) -> str:
    """What this driver does."""
    trip = await ctx.get("trip", type_hint=Trip)
    if trip is not None:
        return f"delivers {trip.order}"
    return "waits for a trip" if await ctx.get("city") else "is at home"
