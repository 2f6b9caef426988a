"""State of objects, and what every attempt of a handler is given alike: random numbers, time, the request."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pgdurable import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    RunOptions,
    Service,
    UsageError,
    VirtualObject,
)
from pgdurable_sdk.serde import BytesSerde
from tests.circumstances.catalogue import program
from tests.circumstances.telling import GATE, QUICK, attempt, doing, gate, saw, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.circumstances.report import Report
    from tests.circumstances.run import Run

state = VirtualObject("State", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
given = Service("Given", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [state, given]


@dataclass
class Basket:
    owner: str
    items: list[str]


def saw_the_same(report: Report) -> None:
    """Whatever an attempt was given, each later one was given too."""
    first, *others = report.saw
    assert all(other == first for other in others), report.saw


# -- state


@program(
    state.handler(),
    returns=[None, 1, 2, None, ["b", "c"], [], ["d"]],
    journal=[
        *("GetEagerState a", "SetState a", "GetEagerState a", "SetState a"),
        *("GetEagerState a", "ClearState a", *GATE, "GetEagerState a"),
        *("SetState b", "SetState c", "GetEagerStateKeys", "ClearAllState"),
        *("GetEagerStateKeys", "SetState d", "GetEagerStateKeys"),
    ],
)
async def own_writes_are_read(ctx: ObjectContext, tag: str) -> list[Any]:
    seen: list[Any] = [await ctx.get("a")]
    ctx.set("a", 1)
    seen.append(await ctx.get("a", type_hint=int))
    ctx.set("a", 2)
    seen.append(await ctx.get("a"))
    ctx.clear("a")
    await gate(ctx, tag)
    seen.append(await ctx.get("a"))
    ctx.set("b", 1)
    ctx.set("c", 1)
    seen.append(await ctx.state_keys())
    ctx.clear_all()
    seen.append(await ctx.state_keys())
    ctx.set("d", 1)
    seen.append(await ctx.state_keys())
    return seen


@program(
    state.handler(),
    returns=[{"owner": "Mary", "items": ["pen"]}, "00ff", 7],
    journal=[
        *("SetState basket", "SetState raw", "SetState number", *GATE),
        *("GetEagerState basket", "GetEagerState raw", "GetEagerState number"),
    ],
)
async def values_have_types(ctx: ObjectContext, tag: str) -> list[Any]:
    ctx.set("basket", Basket("Mary", ["pen"]))
    ctx.set("raw", b"\x00\xff", serde=BytesSerde())
    ctx.set("number", 7, entry_name="lucky")
    await gate(ctx, tag)
    basket = await ctx.get("basket", type_hint=Basket)
    raw = await ctx.get("raw", serde=BytesSerde())
    assert isinstance(basket, Basket)
    return [asdict(basket), (raw or b"").hex(), await ctx.get("number", entry_name="lucky")]


async def adds_twice(run: Run) -> Any:
    """Two invocations of one key, the second sent while the first is at its gate."""
    await run.begin()
    await run.told("gate")
    second = (await run.post(f"{run.path}/send", run.tag)).json()["invocationId"]
    await run.reaches("pending", "running", "suspended", "completed", id=second)
    await run.crash()
    return [await run.outcome(), await run.outcome(second)]


@program(
    state.handler(),
    returns=[1, 2],
    journal=["GetEagerState count", *GATE, "SetState count"],
    outside=adds_twice,
)
async def writes_do_not_interleave(ctx: ObjectContext, tag: str) -> int:
    count = await ctx.get("count", type_hint=int) or 0
    await gate(ctx, tag)
    ctx.set("count", count + 1)
    return count + 1


async def moves_on(run: Run) -> Any:
    """A reader waits; the state moves on; the reader is replayed."""
    await run.post(f"/State/{run.tag}/put", 1)
    await run.begin()
    awakeable = await run.told("awakeable")
    await run.post(f"/State/{run.tag}/put", 2)
    await run.crash()
    await run.post(f"/restate/awakeables/{awakeable}/resolve", "go on")
    return await run.outcome()


@state.handler()
async def put(ctx: ObjectContext, value: int) -> None:
    ctx.set("value", value)


@program(
    state.handler(kind="shared"),
    returns=[1, ["value"], "go on"],
    journal=["GetEagerState value", "GetEagerStateKeys", "Run tell"],
    outside=moves_on,
    check=saw_the_same,
)
async def a_replay_reads_what_the_first_run_read(ctx: ObjectSharedContext, tag: str) -> list[Any]:
    value, names = await ctx.get("value", type_hint=int), await ctx.state_keys()
    saw(tag, [value, names])
    id, future = ctx.awakeable(type_hint=str)
    await ctx.run_typed("tell", lambda: tell(tag, "awakeable", id))
    return [value, names, await future]


async def reads_beside(run: Run) -> Any:
    """Shared handlers answer while an exclusive one holds the key, and see what it wrote so far."""
    await run.begin()
    await run.told("written")
    beside = await run.post(f"/State/{run.tag}/look")
    await run.crash()
    again = await run.post(f"/State/{run.tag}/look")
    await run.post("/Echo/signal", [run.id, "go on", None])
    return [
        beside.json(),
        again.json(),
        await run.outcome(),
        (await run.post(f"/State/{run.tag}/look")).json(),
    ]


@state.handler(kind="shared")
async def look(ctx: ObjectSharedContext) -> Any:
    return await ctx.get("value")


@program(
    state.handler(),
    returns=["before", "before", None, "after"],
    journal=["SetState value", "Run written", "SetState value"],
    outside=reads_beside,
)
async def shared_handlers_never_wait(ctx: ObjectContext, tag: str) -> None:
    ctx.set("value", "before")
    await ctx.run_typed("written", lambda: None)
    tell(tag, "written", None)
    await ctx.signal("go on")
    ctx.set("value", "after")


@program(
    state.handler(kind="shared"),
    returns=3 * ["a shared handler only reads state"],
    journal=GATE,
)
async def shared_handlers_do_not_write(ctx: ObjectContext, tag: str) -> list[str]:
    said: list[str] = []
    writes: list[Callable[[], None]] = [lambda: ctx.set("a", 1), lambda: ctx.clear("a"), ctx.clear_all]
    for write in writes:
        try:
            write()
        except UsageError as error:
            said.append(str(error).partition(":")[0])
    await gate(ctx, tag)
    return said


async def too_large(run: Run) -> Any:
    """What is larger than a start brings along is read when it is asked for."""
    answer = await run.post(f"/State/{run.tag}/fill")
    assert answer.status_code == 200, answer.text
    await run.begin()
    await run.told("gate")
    await run.crash()
    return await run.outcome()


@state.handler()
async def fill(ctx: ObjectContext) -> None:
    for name in "ab":
        ctx.set(name, name * 700_000)


@program(
    state.handler(),
    returns=[700_000, ["a", "b"], 700_000, None, "mine", ["a", "c"]],
    journal=[
        *("GetLazyState a", "GetLazyStateKeys", *GATE, "GetLazyState b", "GetLazyState missing"),
        *("SetState c", "GetEagerState c", "ClearState b", "GetLazyStateKeys"),
    ],
    outside=too_large,
)
async def large_state_is_read_when_asked_for(ctx: ObjectContext, tag: str) -> list[Any]:
    seen: list[Any] = [len(await ctx.get("a", type_hint=str) or ""), await ctx.state_keys()]
    await gate(ctx, tag)
    seen += [len(await ctx.get("b", type_hint=str) or ""), await ctx.get("missing")]
    ctx.set("c", "mine")
    seen.append(await ctx.get("c"))
    ctx.clear("b")
    return [*seen, await ctx.state_keys()]


# -- what is given


@program(given.handler(), journal=["Run time", "Run use", *GATE], check=saw_the_same)
async def chance_and_time(ctx: Context, tag: str) -> list[Any]:
    made = [
        ctx.random().random(),
        ctx.random().randint(1, 10**9),
        str(ctx.uuid()),
        await ctx.time(),
        str(ctx.uuid()),
    ]
    assert len(set(map(str, made))) == 5
    saw(tag, made)
    await ctx.run_typed("use", doing, RunOptions(), tag, str(made[2]))
    await gate(ctx, tag)
    return made


async def with_headers(run: Run) -> Any:
    await run.begin(**{"x-color": "red", "idempotency-key": "once"})
    await run.told("gate")
    await run.crash()
    came = await run.outcome()
    assert came.pop("id") == run.id
    return came


@program(
    given.handler(),
    returns={"color": "red", "body": '"Given.the_request"', "key": "once", "path": "/Given/the_request/send"},
    journal=GATE,
    outside=with_headers,
    check=saw_the_same,
)
async def the_request(ctx: Context, tag: str) -> dict[str, Any]:
    request = ctx.request()
    assert not request.attempt_finished_event.is_set()
    seen = {
        "id": request.id,
        "color": request.headers["x-color"],
        "path": request.headers["x-restate-ingress-path"],
        "body": request.body.decode(),
        "key": request.idempotency_key,
    }
    saw(tag, seen)
    await gate(ctx, tag)
    return seen
