"""Every status an invocation can be in, and what cancel, kill, pause and resume do to it there.

A situation is a handler, how it gets there, and how it would go on from there. Each of the four operations is
a program of its own in each situation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgdurable import (
    Context,
    InvocationRetryPolicy,
    ObjectContext,
    RetryableError,
    RunOptions,
    Service,
    VirtualObject,
    Workflow,
    WorkflowContext,
    gather,
)
from pgdurable_sdk.handler import handler_of
from tests.circumstances import targets
from tests.circumstances.catalogue import UNSAID, Failure, Program, add
from tests.circumstances.programs.signals import NOBODY
from tests.circumstances.telling import QUICK, attempt, is_open, tell, until_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.circumstances.catalogue import Outside
    from tests.circumstances.run import Run

NEVER = timedelta(days=1)
GIVES_UP = InvocationRetryPolicy(max_attempts=1, on_max_attempts="pause")

service = Service("Situation", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
thing = VirtualObject("Keyed", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
flow = Workflow("Promised", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [service, thing, flow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """How an invocation gets there, and on from there."""

    handler: Callable[..., Any]
    begin: Outside
    goes_on: Outside | None = None
    """What it waits for happens. None: nothing that a test could wait for."""
    suspends: bool = False
    """Whether it waits for others, and so leaves memory where whoever waits is suspended."""
    result: Any = "went on"


# -- what an operation answers: Restate's status codes are 202 for accepted, 200 for done, 409 for completed
#    and not_running, and 404 for not_found

ANSWERS: dict[str | None, dict[str, str]] = {
    "scheduled": {"cancel": "done", "kill": "done", "pause": "not_running", "resume": "not_running"},
    "pending": {"cancel": "done", "kill": "done", "pause": "not_running", "resume": "not_running"},
    "ready": {"cancel": "accepted", "kill": "done", "pause": "accepted", "resume": "accepted"},
    "running": {"cancel": "accepted", "kill": "done", "pause": "accepted", "resume": "accepted"},
    "suspended": {"cancel": "accepted", "kill": "done", "pause": "not_running", "resume": "accepted"},
    "backing-off": {"cancel": "accepted", "kill": "done", "pause": "accepted", "resume": "accepted"},
    "paused": {"cancel": "accepted", "kill": "done", "pause": "done", "resume": "accepted"},
    "completed": dict.fromkeys(("cancel", "kill", "pause", "resume"), "completed"),
    None: dict.fromkeys(("cancel", "kill", "pause", "resume"), "not_found"),
}


def operating(operation: str, situation: Situation) -> Outside:
    """Get there, survive what the circumstance has in store, and then do it."""

    async def outside(run: Run) -> None:
        await situation.begin(run)
        await run.crash()
        if situation.suspends:
            await run.waits()
        status = run.database.status(run.id)
        if operation in ("pause", "resume") and status in ("backing-off", "paused"):
            run.open()  # before it is tried again, as it would be at once
        answer = run.control(operation)
        assert answer == ANSWERS[status][operation], (status, answer)
        if answer == "not_found":
            return
        if operation == "pause" and answer in ("accepted", "done"):
            await paused_and_resumed(run)
        if operation in ("pause", "resume") or status == "completed":
            await let_go_on(run, situation, status)
        elif operation == "cancel":
            begun = status not in ("scheduled", "pending")
            assert await run.outcome() == Failure(409, "cancelled" if begun else "canceled")
        else:
            await stays_killed(run, situation)

    return outside


async def paused_and_resumed(run: Run) -> None:
    assert run.database.status(run.id) == "paused"
    assert run.control("pause") == "done"
    assert run.control("resume") == "accepted"


async def let_go_on(run: Run, situation: Situation, status: str | None) -> None:
    if situation.goes_on is None:
        assert run.database.status(run.id) != "paused"
        assert run.control("kill") == "done"
        return
    await situation.goes_on(run)
    assert await run.outcome() == situation.result


async def stays_killed(run: Run, situation: Situation) -> None:
    """At once; and what comes afterwards does it no harm."""
    assert run.database.status(run.id) == "completed"
    killed = Failure(409, "killed")
    assert await run.outcome() == killed
    if situation.goes_on is not None:
        await situation.goes_on(run)
    assert run.control("cancel") == run.control("resume") == "completed"
    assert await run.outcome() == killed


# -- the situations


async def delayed(run: Run) -> None:
    await run.begin("?delay=1d")


async def just_begin(run: Run) -> None:
    await run.begin()


async def at_its_gate(run: Run) -> None:
    await run.begin()
    await run.told("own gate")


async def tells(run: Run) -> None:
    await run.begin()
    await run.told("ready")


async def open_its_gate(run: Run) -> None:
    run.open()


@service.handler()
async def at_once(ctx: Context, tag: str) -> str:
    return "went on"


@service.handler()
async def in_step(ctx: Context, tag: str) -> str:
    await ctx.run_typed("step", until_open, RunOptions(), tag)
    return "went on"


@service.handler()
async def in_call(ctx: Context, tag: str) -> str:
    return await ctx.service_call(targets.hold, tag)


async def release_held(run: Run) -> None:
    await run.post("/Echo/signal", [(await run.told("held")), "release", "went on"])


async def held(run: Run) -> None:
    await run.begin()
    await run.told("held")


@service.handler()
async def asleep(ctx: Context, tag: str) -> None:
    await ctx.run_typed("tell", tell, RunOptions(), tag, "ready", None)
    await ctx.sleep(NEVER)


@service.handler()
async def for_awakeable(ctx: Context, tag: str) -> str:
    id, future = ctx.awakeable(type_hint=str)
    await ctx.run_typed("tell", tell, RunOptions(), tag, "ready", id)
    return await future


async def resolve(run: Run) -> None:
    answer = await run.post(f"/restate/awakeables/{await run.told('ready')}/resolve", "went on")
    assert answer.status_code == 202


@service.handler()
async def for_attached(ctx: Context, tag: str) -> str:
    sent = ctx.service_send(targets.hold, tag)
    return await ctx.attach_invocation(await sent.invocation_id(), type_hint=str)


@service.handler()
async def for_several(ctx: Context, tag: str) -> str:
    id, awakeable = ctx.awakeable(type_hint=str)
    await ctx.run_typed("tell", tell, RunOptions(), tag, "ready", id)
    await gather(awakeable, ctx.run_typed("step", lambda: None), ctx.sleep(timedelta(0)))
    return await awakeable


@flow.main()
async def for_promise(ctx: WorkflowContext, tag: str) -> str:
    await ctx.run_typed("tell", tell, RunOptions(), tag, "ready", None)
    return await ctx.promise("given", type_hint=str).value()


async def give(run: Run) -> None:
    given = "select pgdurable.resolve_promise('Promised', %s, 'given', '\"went on\"')"
    assert run.database.value(given, run.tag) == "accepted"


@thing.handler()
async def for_signal(ctx: ObjectContext, tag: str) -> str:
    await ctx.run_typed("tell", tell, RunOptions(), tag, "ready", None)
    return await ctx.signal("go on", type_hint=str)


async def signal(run: Run) -> None:
    """Whether or not it does it any good, whoever waits for the key comes next."""
    await run.post("/Echo/signal", [run.id, "go on", "went on"])
    assert (await run.post(f"/Keyed/{run.tag}/comes_next")).json() == "next"


@thing.handler()
async def comes_next(ctx: ObjectContext) -> str:
    return "next"


@thing.handler()
async def waits_for_its_key(ctx: ObjectContext, tag: str) -> str:
    return "went on"


async def behind_another(run: Run) -> None:
    await run.post(f"/Keyed/{run.tag}/for_signal/send", run.tag)
    await run.told("ready")
    await run.begin()
    assert run.database.status(run.id) == "pending"


async def release_the_key(run: Run) -> None:
    holder = run.database.value("select invocation_id(id) from key_holder where key = %s", run.tag)
    await signal_to(run, holder)
    assert (await run.post(f"/Keyed/{run.tag}/comes_next")).json() == "next"


async def signal_to(run: Run, id: str) -> None:
    await run.post("/Echo/signal", [id, "go on", "went on"])


@service.handler()
async def backs_off(ctx: Context, tag: str) -> str:
    await ctx.run_typed("step", fail_unless_open, RunOptions(), tag)
    return "went on"


@service.handler(invocation_retry_policy=GIVES_UP)
async def gave_up(ctx: Context, tag: str) -> str:
    await ctx.run_typed("step", fail_at_once_unless_open, RunOptions(), tag)
    return "went on"


def fail_unless_open(tag: str) -> None:
    if not is_open(tag):
        raise RetryableError("not open", retry_after=NEVER)


def fail_at_once_unless_open(tag: str) -> None:
    if not is_open(tag):
        raise ValueError("not open")


async def failing(run: Run) -> None:
    await run.begin()
    await run.reaches("backing-off", "paused")


async def finished(run: Run) -> None:
    await run.begin()
    await run.outcome()


async def nothing(run: Run) -> None:
    """It is over."""


async def nobody(run: Run) -> None:
    run.id = NOBODY


SITUATIONS = {
    "scheduled": Situation(handler=at_once, begin=delayed),
    "pending": Situation(handler=waits_for_its_key, begin=behind_another, goes_on=release_the_key),
    "in a step": Situation(handler=in_step, begin=at_its_gate, goes_on=open_its_gate),
    "in a call": Situation(handler=in_call, begin=held, goes_on=release_held, suspends=True),
    "sleeping": Situation(handler=asleep, begin=tells, suspends=True),
    "waiting for an awakeable": Situation(handler=for_awakeable, begin=tells, goes_on=resolve, suspends=True),
    "waiting for a promise": Situation(handler=for_promise, begin=tells, goes_on=give, suspends=True),
    "waiting for a signal": Situation(handler=for_signal, begin=tells, goes_on=signal, suspends=True),
    "attached to another": Situation(handler=for_attached, begin=held, goes_on=release_held, suspends=True),
    "waiting for several": Situation(handler=for_several, begin=tells, goes_on=resolve, suspends=True),
    "backing off": Situation(handler=backs_off, begin=failing, goes_on=open_its_gate),
    "paused": Situation(handler=gave_up, begin=failing, goes_on=open_its_gate),
    "completed": Situation(handler=at_once, begin=finished, goes_on=nothing),
    "unknown": Situation(handler=at_once, begin=nobody),
}

for operation in ("cancel", "kill", "pause", "resume"):
    for name, situation in SITUATIONS.items():
        add(
            Program(
                name=f"{operation} {name}",
                handler=handler_of(situation.handler),
                comes=UNSAID,
                outside=operating(operation, situation),
                replays=False,
            )
        )
