"""Handlers that are plain functions: the same operations, one after the other."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgdurable import (
    RunOptions,
    Service,
    SyncContext,
    TerminalError,
    UsageError,
    VirtualObject,
    Workflow,
)
from tests.circumstances import targets
from tests.circumstances.catalogue import Failure, program
from tests.circumstances.programs.signals import NOBODY
from tests.circumstances.programs.state import saw_the_same
from tests.circumstances.telling import GATE, QUICK, attempt, did, gate_sync, saw, tell

if TYPE_CHECKING:
    from tests.circumstances.run import Run

plain = Service("Plain", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
thing = VirtualObject("Thing", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
flow = Workflow("Flow", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [plain, thing, flow]

SOON = timedelta(milliseconds=1)


@program(
    plain.handler(),
    returns=["a", "b", 3, "teapot"],
    journal=["Run a", "Run b", "Sleep nap", *GATE, "Run three", "Run brew"],
    did={"a": 1, "b": 1},
)
def steps(ctx: SyncContext, tag: str) -> list[Any]:
    said: list[Any] = [ctx.run_typed("a", did, RunOptions(), tag, "a"), ctx.run("b", did, args=(tag, "b"))]
    ctx.sleep(SOON, name="nap")
    gate_sync(ctx, tag)
    said.append(ctx.run_typed("three", lambda: 3))
    try:
        ctx.run_typed("brew", brew)
    except TerminalError as error:
        said.append(error.message)
    return said


def brew() -> None:
    raise TerminalError("teapot", 418)


@program(plain.handler(), fails=Failure(418, "teapot"), journal=[*GATE, "Call Echo/fail"])
def failures_are_passed_on(ctx: SyncContext, tag: str) -> None:
    gate_sync(ctx, tag)
    ctx.service_call(targets.fail, "teapot")


@program(
    plain.handler(),
    returns="the context cannot be used inside ctx.run",
    journal=["Run inside", *GATE],
)
def the_context_is_not_for_steps(ctx: SyncContext, tag: str) -> str:
    def inside() -> str:
        try:
            ctx.sleep(SOON)
        except UsageError as error:
            return str(error).partition(":")[0]
        return "it slept"

    said = ctx.run_typed("inside", inside)
    gate_sync(ctx, tag)
    return said


@program(plain.handler(), journal=["Run time", *GATE], check=saw_the_same)
def chance_and_time(ctx: SyncContext, tag: str) -> None:
    saw(tag, [ctx.random().random(), str(ctx.uuid()), ctx.time(), ctx.request().id])
    gate_sync(ctx, tag)


@program(
    plain.handler(),
    returns=["hello", ["a"], "generic", ["a", "b", "c", "d"], "released", None, "released", 409],
    journal=[
        *("Call Echo/say", "Call Counter/Plain.others/append", "Call Echo/say"),
        *("OneWayCall Counter/Plain.others/append", "OneWayCall Counter/Plain.others/append"),
        *("OneWayCall Echo/hold", "GetInvocationOutput", *GATE),
        *("Call Counter/Plain.others/append", "SendSignal release"),
        *(
            "AttachInvocation",
            "GetInvocationOutput",
            "OneWayCall Echo/rest",
            "SendSignal",
            "AttachInvocation",
        ),
    ],
)
def others(ctx: SyncContext, tag: str) -> list[Any]:
    said: list[Any] = [ctx.service_call(targets.say, "hello"), ctx.object_call(targets.append, tag, "a")]
    said.append(ctx.generic_call("Echo", "say", b'"generic"').decode().strip('"'))
    ctx.object_send(targets.append, tag, "b")
    ctx.generic_send("Counter", "append", b'"c"', key=tag)
    held = ctx.service_send(targets.hold, tag, idempotency_key=tag).invocation_id()
    early = ctx.invocation_output(held)
    gate_sync(ctx, tag)
    items = ctx.object_call(targets.append, tag, "d")
    ctx.resolve_signal(held, "release", "released")
    said += [items, ctx.attach_invocation(held), early, ctx.invocation_output(held)]
    resting = ctx.service_send(targets.rest, 0.0, send_delay=timedelta(days=1))
    resting.cancel_invocation()
    try:
        ctx.attach_invocation(resting.invocation_id())
    except TerminalError as error:
        said.append(error.status_code)
    return said


async def from_outside(run: Run) -> Any:
    await run.begin()
    awakeable = await run.told("awakeable")
    await run.waits()
    await run.crash()
    await run.post(f"/restate/awakeables/{awakeable}/resolve", "awakeable")
    await run.post("/Echo/signal", [run.id, "news", "signal"])
    return await run.outcome()


@program(
    plain.handler(),
    returns=["awakeable", "signal", "mine", [503, "busy"], 400],
    journal=[
        *("Run tell", "CompleteAwakeable", "SendSignal own", "CompleteAwakeable", "SendSignal lost"),
        *("SendSignal",),
    ],
    outside=from_outside,
)
def awakeables_and_signals(ctx: SyncContext, tag: str) -> list[Any]:
    id, future = ctx.awakeable(type_hint=str)
    ctx.run_typed("tell", tell, RunOptions(), tag, "awakeable", id)
    said: list[Any] = [future.result(), ctx.signal("news", type_hint=str)]
    own, mine = ctx.awakeable(type_hint=str)
    ctx.resolve_awakeable(own, "mine")
    ctx.reject_signal(ctx.request().id, "own", "busy", 503)
    other, refused = ctx.awakeable()
    ctx.reject_awakeable(other, "busy", 503)
    ctx.resolve_signal(NOBODY, "lost", 1)
    ctx.cancel_invocation(NOBODY)
    said.append(mine.result())
    try:
        refused.result()
    except TerminalError as error:
        said.append([error.status_code, error.message])
    try:
        ctx.resolve_awakeable("nonsense", 1)
    except TerminalError as error:
        said.append(error.status_code)
    return said


@program(
    thing.handler(),
    returns=["Thing.state", None, 1, ["a", "b"], None, []],
    journal=[
        *("GetEagerState a", "SetState a", "SetState b", *GATE, "GetEagerState a", "GetEagerStateKeys"),
        *("ClearState a", "GetEagerState a", "ClearAllState", "GetEagerStateKeys"),
    ],
)
def state(ctx: SyncContext, tag: str) -> list[Any]:
    seen: list[Any] = [ctx.key(), ctx.get("a")]
    ctx.set("a", 1)
    ctx.set("b", 2)
    gate_sync(ctx, tag)
    seen += [ctx.get("a", type_hint=int), ctx.state_keys()]
    ctx.clear("a")
    seen.append(ctx.get("a"))
    ctx.clear_all()
    return [*seen, ctx.state_keys()]


async def give(run: Run) -> Any:
    await run.begin()
    await run.told("gate")
    await run.crash()
    given = await run.post(f"/Flow/{run.tag}/give", "given")
    return [given.json(), await run.outcome()]


@program(
    flow.main(),
    returns=["given", [None, "given", "given", 409]],
    journal=["PeekPromise p", *GATE, "GetPromise p", "PeekPromise p", "CompletePromise p"],
    outside=give,
)
def promises(ctx: SyncContext, tag: str) -> list[Any]:
    promise = ctx.promise("p", type_hint=str)
    seen: list[Any] = [promise.peek()]
    gate_sync(ctx, tag)
    seen += [promise.value(), promise.peek()]
    try:
        promise.reject("late")
    except TerminalError as error:
        seen.append(error.status_code)
    return seen


@program(
    plain.handler(),
    returns=["called", "sent"],
    journal=[
        "Call Flow/Plain.workflows/echo",
        "OneWayCall Flow/Plain.workflows/echo",
        *GATE,
        "AttachInvocation",
    ],
)
def workflows(ctx: SyncContext, tag: str) -> list[str]:
    called = ctx.workflow_call(echo, tag, "called")
    sent = ctx.workflow_send(echo, tag, "sent").invocation_id()
    gate_sync(ctx, tag)
    return [called, ctx.attach_invocation(sent, type_hint=str)]


@flow.handler()
def echo(ctx: SyncContext, words: str) -> str:
    return words


@flow.handler(name="give")
def give_promise(ctx: SyncContext, value: str) -> str:
    ctx.promise("p", type_hint=str).resolve(value)
    return ctx.promise("p", type_hint=str).value()


# -- scopes


@program(
    plain.handler(),
    returns=[[None, "acme", "pro", None], ["a"], "sent"],
    journal=[
        *("Call Echo/where", *GATE, "Call Counter/Plain.scopes/append"),
        *(3 * ["OneWayCall Counter/Plain.scopes/append"]),
        "OneWayCall Echo/say",
    ],
)
def scopes(ctx: SyncContext, tag: str) -> list[Any]:
    firm = ctx.scope("acme")
    said: list[Any] = [firm.service_call(targets.where, None, limit_key="pro")]
    gate_sync(ctx, tag)
    said.append(firm.object_call(targets.append, tag, "a"))
    firm.object_send(targets.append, tag, "b", limit_key="pro")
    ctx.generic_send("Counter", "append", b"1", key=tag, scope="acme", limit_key="pro")
    firm.object_send(targets.append, tag, "c")
    firm.service_send(targets.say, "d", idempotency_key="once")
    return [*said, "sent"]
