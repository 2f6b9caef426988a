"""Killing: the end at once, of a whole tree of calls, and what is given back with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgdurable import (
    Context,
    ObjectContext,
    RunOptions,
    Service,
    TerminalError,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from tests.circumstances import targets
from tests.circumstances.catalogue import Failure, program
from tests.circumstances.telling import QUICK, attempt, tell

if TYPE_CHECKING:
    from tests.circumstances.run import Run

killed = Service("Killed", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
holder = VirtualObject("Holder", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
again = Workflow("Again", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [killed, holder, again]

KILLED = Failure(409, "killed")


async def kill_who_holds(run: Run) -> Any:
    await run.begin()
    await run.told("held")
    await run.waits()
    await run.crash()
    assert run.control("kill") == "done"
    return await run.outcome()


async def kill_the_tree(run: Run) -> Any:
    """All of it is completed when the answer is there."""
    came = await kill_who_holds(run)
    held = await run.told("held")
    assert run.database.status(held) == "completed"
    assert await run.outcome(held) == KILLED
    below = "select count(*) from sys_invocation where target = 'Echo/chain' and status <> 'completed'"
    mine = " and invoked_by_id = %s"
    assert run.database.value(below + mine, run.id) == 0
    return came


@program(
    killed.handler(),
    fails=KILLED,
    journal=["Call Echo/chain"],
    outside=kill_the_tree,
    did={"held: killed": 0, "0: killed": 0},
    replays=False,
)
async def down_three_levels(ctx: Context, tag: str) -> str:
    """Nobody undoes anything."""
    return await ctx.service_call(targets.chain, [tag, 2])


async def sends_live_on(run: Run) -> Any:
    came = await kill_who_holds(run)
    sent = await run.told("held")
    assert run.database.status(sent) in ("ready", "running", "suspended")
    await run.post("/Echo/signal", [sent, "release", "alive"])
    return [came, await run.outcome(sent)]


@program(
    killed.handler(),
    returns=[KILLED, "alive"],
    journal=["OneWayCall Echo/hold", "AttachInvocation"],
    outside=sends_live_on,
    replays=False,
)
async def not_sends_nor_what_it_is_attached_to(ctx: Context, tag: str) -> None:
    sent = ctx.service_send(targets.hold, tag)
    await ctx.attach_invocation(await sent.invocation_id())


async def kill_the_child(run: Run) -> Any:
    await run.begin()
    held = await run.told("held")
    await run.waits()
    await run.crash()
    assert run.control("kill", held) == "done"
    return await run.outcome()


@program(
    killed.handler(),
    returns=[409, "killed", "went on"],
    journal=["Call Echo/hold", "Call Echo/say"],
    outside=kill_the_child,
)
async def callers_are_told(ctx: Context, tag: str) -> list[Any]:
    try:
        await ctx.service_call(targets.hold, tag)
    except TerminalError as error:
        return [error.status_code, error.message, await ctx.service_call(targets.say, "went on")]
    return []


async def kill_within_the_queue(run: Run) -> Any:
    """One that waits, then the one that holds; the others come in their order."""
    await run.begin()
    await run.told("ready")
    sent = [(await run.post(f"/Holder/{run.tag}/append/send", n)).json()["invocationId"] for n in range(4)]
    await run.waits()
    await run.crash()
    assert run.control("kill", sent[1]) == "done"
    assert run.control("cancel", sent[2]) == "done"
    assert run.control("kill") == "done"
    return [await run.outcome(), *[await run.outcome(id) for id in sent]]


@program(
    holder.handler(),
    returns=[KILLED, [0], KILLED, Failure(409, "canceled"), [0, 3]],
    journal=["SetState lost"],
    outside=kill_within_the_queue,
    replays=False,
)
async def keys_are_given_back(ctx: ObjectContext, tag: str) -> None:
    """What the killed one wrote stays written: the next one sees it."""
    ctx.set("lost", True)
    tell(tag, "ready", None)
    await ctx.signal("never")


@holder.handler()
async def append(ctx: ObjectContext, number: int) -> list[int]:
    assert await ctx.get("lost")
    items = [*(await ctx.get("items", type_hint=list[int]) or []), number]
    ctx.set("items", items)
    return items


async def kill_and_ask_again(run: Run) -> Any:
    """The idempotency key of a killed one gives what became of it."""
    once = {"idempotency-key": run.tag}
    await run.begin(**once)
    await run.told("held")
    await run.crash()
    assert run.control("kill") == "done"
    again = await run.post(run.path, run.tag, **once)
    return [await run.outcome(), again.status_code, again.json()["message"]]


@program(
    killed.handler(),
    returns=[KILLED, 409, "killed"],
    journal=["Call Echo/hold"],
    outside=kill_and_ask_again,
    replays=False,
)
async def stays_killed_for_its_idempotency_key(ctx: Context, tag: str) -> str:
    return await ctx.service_call(targets.hold, tag)


# -- a second life of the same id


async def live_twice(run: Run) -> Any:
    """Killed, purged and run again: what the first life waited for comes, and is not for the second."""
    first = await run.begin()
    await run.told("held", 2)
    await run.told("ready")
    await run.waits()
    await run.crash()
    called, attached = [line["value"] for line in run.lines("held")]
    assert run.control("cancel") == "accepted"
    assert await run.outcome() == "cancelled"
    late = await run.post(run.path, run.tag)
    assert (late.status_code, (await run.post(f"/Again/{run.tag}/look")).json()) == (409, "first")
    assert run.control("purge") == "done"

    assert await run.begin() == first
    await run.told("held", 4)
    for id in (called, attached):
        await run.post("/Echo/signal", [id, "release", "for the first life"])
        await run.outcome(id)
    for line in run.lines("held")[2:]:
        await run.post("/Echo/signal", [line["value"], "release", "for the second life"])
    return await run.outcome()


@program(
    again.main(),
    returns=["for the second life", "for the second life"],
    outside=live_twice,
    replays=False,
)
async def second_life(ctx: WorkflowContext, tag: str) -> Any:
    ctx.set("life", "first")
    called = ctx.service_call(targets.stubborn, tag)
    sent = ctx.service_send(targets.stubborn, tag)
    attached = ctx.attach_invocation(await sent.invocation_id())
    try:
        await ctx.run_typed("tell", tell, RunOptions(), tag, "ready", None)
        return [await called, await attached]
    except TerminalError as error:
        return error.message


@again.handler()
async def look(ctx: WorkflowSharedContext) -> Any:
    return await ctx.get("life")
