"""Services as they are written for Restate's Python SDK, with their imports changed and nothing else."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypedDict

from pydantic import BaseModel

import pgdurable as restate
from pgdurable import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    RunOptions,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from pgdurable.exceptions import TerminalError
from pgdurable.serde import PydanticJsonSerde, Serde
from pgdurable.service import Service

logger = restate.getLogger("moved")

# --- a saga


class Trip(TypedDict):
    customer: str
    hotel: str
    flight: str


trips = Service("Trips")
booked: list[str] = []


async def book(what: str) -> str:
    if what == "sold out":
        raise TerminalError("nothing left", status_code=410)
    booked.append(what)
    return f"booking of {what}"


def cancel(booking: str) -> None:
    booked.remove(booking.removeprefix("booking of "))


@trips.handler("reserve")
async def reserve(ctx: Context, trip: Trip) -> list[str]:
    undo: list[partial[restate.RestateDurableFuture[None]]] = []
    bookings: list[str] = []
    try:
        for kind in ("hotel", "flight"):
            booking = await ctx.run_typed(f"book {kind}", book, what=trip[kind])
            undo.append(partial(ctx.run_typed, "cancel", cancel, booking=booking))
            bookings.append(booking)
    except TerminalError as error:
        for compensate in reversed(undo):
            await compensate()
        raise TerminalError(
            f"{trip['customer']} cannot travel: {error.message}", error.status_code
        ) from error
    return bookings


@trips.handler()
async def kept(ctx: Context) -> list[str]:
    return booked


# --- a virtual object, with a shared handler and pydantic state


class Profile(BaseModel):
    name: str
    tags: list[str] = []


users = VirtualObject("Users")


@users.handler("rename")
async def rename(ctx: ObjectContext, name: str) -> Profile:
    profile = await ctx.get("profile", type_hint=Profile) or Profile(name="nobody")
    profile = Profile(name=name, tags=[*profile.tags, profile.name])
    ctx.set("profile", profile, serde=PydanticJsonSerde(Profile))
    return profile


@users.handler("show", kind="shared")
async def show(ctx: ObjectSharedContext) -> list[str]:
    profile = await ctx.get("profile", serde=PydanticJsonSerde(Profile))
    return [ctx.key(), *(await ctx.state_keys()), *(profile.tags if profile else [])]


# --- a workflow with a promise and a timeout

signup = Workflow("Signup")


@signup.main()
async def run(ctx: WorkflowContext, address: str) -> str:
    secret = await ctx.run_typed("secret", lambda: "1234")
    ctx.set("stage", "mail sent")
    await ctx.run_typed("send", send_mail, RunOptions(max_attempts=3), address, secret)
    match await restate.select(clicked=ctx.promise("clicked", type_hint=str).value(), late=ctx.sleep(HOUR)):
        case ["clicked", given]:
            return "welcome" if given == secret else "wrong secret"
        case _:
            return "too late"


@signup.handler()
async def click(ctx: WorkflowSharedContext, secret: str) -> str | None:
    await ctx.promise("clicked", type_hint=str).resolve(secret)
    return await ctx.get("stage", type_hint=str)


async def send_mail(address: str, secret: str) -> None:
    logger.info("to %s: %s", address, secret)


HOUR = timedelta(hours=1)

# --- an awakeable, calls in parallel, a serde of one's own


@dataclass
class Score:
    reviewer: str
    points: int


class Plain(Serde[str]):
    def serialize(self, obj: str | None) -> bytes:
        return (obj or "").encode()

    def deserialize(self, buf: bytes) -> str | None:
        return buf.decode()


reviews = Service("Reviews")
jury = Service("Jury")


@jury.handler()
async def score(ctx: Context, reviewer: str) -> Score:
    return Score(reviewer, len(reviewer))


@reviews.handler()
async def review(ctx: restate.Context) -> list[Score]:
    calls = [ctx.service_call(score, reviewer) for reviewer in ("Ada", "Grace")]
    return [await call for call in await restate.gather(*calls)]


@reviews.handler()
async def ask_somebody(ctx: Context, question: str) -> str:
    id, answer = ctx.awakeable(serde=Plain())
    ctx.service_send(answer_later, arg=f"{id} {question}", send_delay=timedelta(milliseconds=1))
    return await answer


@reviews.handler()
async def answer_later(ctx: Context, request: str) -> None:
    id, question = request.split(" ", 1)
    ctx.resolve_awakeable(id, f"an answer to {question}", serde=Plain())


app = restate.app(services=[trips, users, signup, reviews, jury])
