"""Cancellation: it goes down the calls, is raised where a handler waits, and can be caught to undo things."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgdurable import (
    Cancelled,
    Context,
    ObjectContext,
    RunOptions,
    Service,
    SyncContext,
    TerminalError,
    VirtualObject,
    all_succeeded,
    as_completed,
    gather,
    select,
)
from tests.circumstances import targets
from tests.circumstances.catalogue import Failure, program
from tests.circumstances.run import PATIENCE
from tests.circumstances.telling import (
    GATE,
    QUICK,
    attempt,
    did,
    doing,
    gate,
    tell,
    until_open,
)
from tests.engine.watching import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.circumstances.run import Run

cancelled = Service("Cancelled", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
saga = VirtualObject("Saga", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [cancelled, saga]

NEVER = timedelta(days=1)
SOON = timedelta(milliseconds=1)
CANCELLED = Failure(409, "cancelled")


async def cancel_who_holds(run: Run) -> Any:
    """Crash before the cancellation, while `hold` at the end of it all waits."""
    await run.begin()
    await run.told("held")
    await run.waits()
    await run.crash()
    assert run.control("cancel") == "accepted"
    return await run.outcome()


async def cancel_and_crash(run: Run) -> Any:
    """Crash right after the cancellation, whether or not anybody has heard of it."""
    await run.begin()
    await run.told("held")
    await run.waits()
    assert run.control("cancel") == "accepted"
    await run.crash()
    return await run.outcome()


# -- down the tree

LEVELS = ("held: cancelled", "0: cancelled", "1: cancelled", "2: cancelled")


async def cancel_all_levels(run: Run) -> Any:
    """Nobody waits for those below, but they get there."""
    came = await cancel_who_holds(run)
    await run.told("did", len(LEVELS))
    return came


async def crash_all_levels(run: Run) -> Any:
    """Twice, where the worker was killed between the step and its journal."""
    came = await cancel_and_crash(run)
    await until(lambda: {line["what"] for line in run.lines("did")} == set(LEVELS), PATIENCE, run.describe)
    return came


@program(
    cancelled.handler(),
    fails=CANCELLED,
    journal=["Call Echo/chain", "SendSignal"],
    outside=cancel_all_levels,
    did=dict.fromkeys(LEVELS, 1),
)
async def down_three_levels(ctx: Context, tag: str) -> str:
    """Each level has its chance to undo what it did, and the lowest is the first."""
    return await ctx.service_call(targets.chain, [tag, 2])


@program(
    cancelled.handler(),
    fails=CANCELLED,
    journal=["Call Echo/chain", "SendSignal"],
    outside=crash_all_levels,
    did=dict.fromkeys(LEVELS),
    replays=False,
)
async def down_three_levels_through_a_crash(ctx: Context, tag: str) -> str:
    return await ctx.service_call(targets.chain, [tag, 2])


async def sends_live_on(run: Run) -> Any:
    came = await cancel_who_holds(run)
    sent = await run.told("held")
    assert run.database.status(sent) in ("ready", "running", "suspended")
    await run.post("/Echo/signal", [sent, "release", "alive"])
    return [came, await run.outcome(sent)]


@program(
    cancelled.handler(),
    returns=[CANCELLED, "alive"],
    journal=["OneWayCall Echo/hold", "OneWayCall Echo/rest", "AttachInvocation"],
    outside=sends_live_on,
)
async def not_to_sends_nor_to_what_it_is_attached_to(ctx: Context, tag: str) -> None:
    sent = ctx.service_send(targets.hold, tag)
    ctx.service_send(targets.rest, 0.0)
    await ctx.attach_invocation(await sent.invocation_id())


@program(
    cancelled.handler(),
    returns=["done", 409, "cancelled", "after all", [409, "cancelled"]],
    journal=["Call Echo/say", "Call Echo/hold", "SendSignal", "Call Echo/say", *GATE],
    outside=cancel_who_holds,
    did={"held: cancelled": 1},
)
async def caught_and_gone_on(ctx: Context, tag: str) -> list[Any]:
    """Calls that are done are left alone; new ones can be made; the child's own failure can be asked for."""
    done = ctx.service_call(targets.say, "done")
    said: list[Any] = [await done]
    held = ctx.service_call(targets.hold, tag)
    try:
        await held
    except Cancelled as error:
        said += [error.status_code, error.message]
    said.append(await ctx.service_call(targets.say, "after all"))
    await_child: list[Any] = []
    try:
        await held
    except TerminalError as error:
        await_child = [error.status_code, error.message]
    await gate(ctx, tag)
    return [*said, await_child]


# -- where it waits


WAITS: dict[str, Callable[[Context, str], Awaitable[Any]]] = {
    "select": lambda ctx, tag: select(timer=ctx.sleep(NEVER), signal=ctx.signal("never")),
    "gather": lambda ctx, tag: gather(ctx.sleep(SOON), ctx.awakeable()[1]),
    "all": lambda ctx, tag: all_succeeded(
        ctx.sleep(NEVER), ctx.run_typed("step", doing, RunOptions(), tag, "x")
    ),
    "timeout": lambda ctx, tag: ctx.signal("never").or_timeout(NEVER),
    "each": lambda ctx, tag: anext(as_completed(ctx.sleep(NEVER), ctx.signal("never"))),
    "step": lambda ctx, tag: ctx.run_typed("long", until_open, RunOptions(), tag),
}


async def cancel_each(run: Run) -> Any:
    """One cancellation for each wait, each of an invocation of its own."""
    await run.begin()
    ids = [(await run.told("child", number + 1)) for number in range(len(WAITS))]
    await run.told("own gate")
    await run.crash()
    for id in ids:
        assert run.control("cancel", id) == "accepted"
    return await run.outcome()


@program(
    cancelled.handler(),
    returns={name: [409, "cancelled"] for name in WAITS},
    journal=[*(len(WAITS) * ["Call Cancelled/wait"])],
    outside=cancel_each,
    did={"x": 1},
)
async def wherever_it_waits(ctx: Context, tag: str) -> dict[str, Any]:
    futures = {name: ctx.service_call(wait, [tag, name]) for name in WAITS}
    return {name: await failure_of(future) for name, future in futures.items()}


@cancelled.handler()
async def wait(ctx: Context, request: list[str]) -> Any:
    tag, name = request
    await ctx.run_typed("tell", tell, RunOptions(), tag, "child", ctx.request().id)
    return await WAITS[name](ctx, tag)


async def failure_of(future: Awaitable[Any]) -> Any:
    try:
        return await future
    except TerminalError as error:
        return [error.status_code, error.message]


async def cancel_at_its_gate(run: Run) -> Any:
    await run.begin()
    await run.told("own gate")
    assert run.control("cancel") == "accepted"
    await run.crash()
    run.open()
    return await run.outcome()


@program(cancelled.handler(), returns="went on", journal=[], outside=cancel_at_its_gate, replays=False)
async def not_where_it_does_not_wait(ctx: Context, tag: str) -> str:
    """A handler that awaits nothing durable is not bothered."""
    await until_open(tag)
    return "went on"


async def cancel_when_ready(run: Run) -> Any:
    await run.begin()
    await run.told("ready")
    await run.waits()
    await run.crash()
    assert run.control("cancel") == "accepted"
    return await run.outcome()


@program(
    cancelled.handler(),
    returns=[[409, "cancelled"], "undone"],
    journal=["Sleep", "Run undo", *GATE],
    outside=cancel_when_ready,
)
def a_plain_function(ctx: SyncContext, tag: str) -> list[Any]:
    tell(tag, "ready", None)
    said: list[Any] = []
    try:
        ctx.sleep(NEVER)
    except TerminalError as error:
        said += [error.status_code, error.message]
    undone = ctx.run_typed("undo", did, RunOptions(), tag, "undone")
    ctx.run_typed("gate", lambda: None)
    ctx.sleep(SOON)
    return [said, undone]


@program(
    cancelled.handler(),
    returns=[[409, "cancelled"], [409, "canceled"]],
    journal=[
        *("Call Counter/Cancelled.a_child_that_has_not_begun/occupy",),
        *("Call Counter/Cancelled.a_child_that_has_not_begun/append", "SendSignal", "SendSignal"),
    ],
    outside=cancel_who_holds,
)
async def a_child_that_has_not_begun(ctx: Context, tag: str) -> list[Any]:
    """It waits for its key, and never gets it."""
    ctx.object_call(targets.occupy, tag, tag)
    waiting = ctx.object_call(targets.append, tag, "never")
    first = await failure_of(waiting)
    return [first, await failure_of(waiting)]


@program(
    cancelled.handler(),
    returns=[[409, "cancelled"], "went on"],
    journal=["SendSignal", *GATE],
)
async def by_itself(ctx: Context, tag: str) -> list[Any]:
    ctx.cancel_invocation(ctx.request().id)
    caught = await failure_of(ctx.signal("never"))
    await gate(ctx, tag)
    return [caught, "went on"]


# -- undoing


async def cancel_twice(run: Run) -> Any:
    """The second one comes, and the worker is killed, while the handler undoes what it did."""
    await run.begin()
    await run.told("held")
    await run.waits()
    assert run.control("cancel") == "accepted"
    await run.told("own gate")
    assert run.control("cancel") == "accepted"
    await run.crash()
    run.open()
    came = await run.outcome()
    assert run.control("cancel") == "completed"
    return [came, (await run.post(f"/Saga/{run.tag}/booked")).json()]


@program(
    saga.handler(),
    returns=[CANCELLED, []],
    journal=[
        *("GetEagerState booked", "Run hotel", "SetState booked", "GetEagerState booked", "Run flight"),
        *("SetState booked", "Call Echo/hold", "SendSignal", "Run cancel flight", "SetState booked"),
        *("Run gate", "Run cancel hotel", "SetState booked"),
    ],
    outside=cancel_twice,
    did={"hotel": 1, "flight": 1, "held: cancelled": 1, "cancel flight": 1, "cancel hotel": 1},
)
async def compensates_once(ctx: ObjectContext, tag: str) -> str:
    """Each step that was done is undone, last first, in durable steps: once, whatever happens meanwhile."""
    done: list[str] = []
    try:
        for step in ("hotel", "flight"):
            booked = await ctx.get("booked", type_hint=list[str]) or []
            await ctx.run_typed(step, doing, RunOptions(), tag, step)
            ctx.set("booked", [*booked, step])
            done.append(step)
        return await ctx.service_call(targets.hold, tag)
    except TerminalError:
        while done:
            step = done.pop()
            await ctx.run_typed(f"cancel {step}", doing, RunOptions(), tag, f"cancel {step}")
            ctx.set("booked", list(done))
            if done:
                await ctx.run_typed("gate", until_open, RunOptions(), tag)
        raise


@saga.handler(kind="shared")
async def booked(ctx: ObjectContext) -> list[str] | None:
    return await ctx.get("booked", type_hint=list[str])
