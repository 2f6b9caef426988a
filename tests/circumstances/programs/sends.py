"""Sends: now and later, once for each idempotency key, cancelled before they begin."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgdurable import Context, Service, TerminalError
from tests.circumstances import targets
from tests.circumstances.catalogue import program
from tests.circumstances.telling import GATE, QUICK, attempt, gate

if TYPE_CHECKING:
    from tests.circumstances.run import Run

sends = Service("Sends", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [sends]

SOON = timedelta(milliseconds=50)
NEVER = timedelta(days=1)


@program(
    sends.handler(),
    returns=[1, 2, 3, 4, 5, "asked"],
    journal=[
        *(2 * ["OneWayCall Counter/Sends.in_order/append"]),
        *GATE,
        *(3 * ["OneWayCall Counter/Sends.in_order/append"]),
        "Call Counter/Sends.in_order/append",
    ],
)
async def in_order(ctx: Context, tag: str) -> list[Any]:
    """Those of one handler to one key arrive in the order in which they were sent, and so does a call."""
    ctx.object_send(targets.append, tag, 1)
    ctx.generic_send("Counter", "append", b"2", key=tag)
    await gate(ctx, tag)
    for number in (3, 4, 5):
        ctx.object_send(targets.append, tag, number)
    return await ctx.object_call(targets.append, tag, "asked")


async def told_by_the_target(run: Run) -> Any:
    await run.begin()
    await run.told("gate")
    await run.crash()
    await run.outcome()
    await run.told("did", 3)
    return sorted(line["what"] for line in run.lines("did"))


@program(
    sends.handler(),
    returns=["later", "now", "once"],
    journal=[*(3 * ["OneWayCall Echo/effect"]), *GATE, "OneWayCall Echo/effect"],
    outside=told_by_the_target,
)
async def nobody_waits(ctx: Context, tag: str) -> None:
    ctx.service_send(targets.effect, [tag, "now"])
    ctx.service_send(targets.effect, [tag, "later"], send_delay=SOON)
    ctx.service_send(targets.effect, [tag, "once"], idempotency_key=tag, send_delay=SOON)
    await gate(ctx, tag)
    ctx.service_send(targets.effect, [tag, "once"], idempotency_key=tag)


@program(
    sends.handler(),
    returns=["released", "rested", 2],
    journal=[
        *("OneWayCall Echo/hold", "OneWayCall Echo/rest", *GATE),
        *("SendSignal release", "AttachInvocation", "AttachInvocation"),
    ],
)
async def they_have_ids(ctx: Context, tag: str) -> list[Any]:
    held = ctx.service_send(targets.hold, tag)
    resting = ctx.generic_send("Echo", "rest", b"0.01", send_delay=SOON)
    ids = [await held.invocation_id(), await resting.invocation_id()]
    await gate(ctx, tag)
    ctx.resolve_signal(ids[0], "release", "released")
    return [
        await ctx.attach_invocation(ids[0]),
        await ctx.attach_invocation(ids[1], type_hint=str),
        len({*ids, await held.invocation_id(), await resting.invocation_id()}),
    ]


@program(
    sends.handler(),
    returns=[[409, "canceled"], [409, "canceled"], [409, "cancelled"]],
    journal=[
        *("OneWayCall Echo/effect", "OneWayCall Echo/effect", "OneWayCall Echo/hold", *GATE),
        *("SendSignal", "SendSignal", "SendSignal", *(3 * ["AttachInvocation"])),
    ],
    did={"delayed": 0, "named": 0, "held: cancelled": 1},
)
async def they_can_be_cancelled(ctx: Context, tag: str) -> list[list[Any]]:
    """One that has not begun never does; one that has begun is told."""
    delayed = ctx.service_send(targets.effect, [tag, "delayed"], send_delay=NEVER)
    named = ctx.service_send(targets.effect, [tag, "named"], send_delay=NEVER, idempotency_key=tag)
    begun = ctx.service_send(targets.hold, tag)
    await gate(ctx, tag)
    await delayed.cancel_invocation()
    ctx.cancel_invocation(await named.invocation_id())
    await begun.cancel_invocation()
    said: list[list[Any]] = []
    for send in (delayed, named, begun):
        try:
            await ctx.attach_invocation(await send.invocation_id())
        except TerminalError as error:
            said.append([error.status_code, error.message])
    return said


@program(
    sends.handler(),
    returns=[["sent"], "one and the same"],
    journal=[
        "OneWayCall Counter/Sends.a_send_and_a_call_share_a_key/append",
        *GATE,
        "Call Counter/Sends.a_send_and_a_call_share_a_key/append",
    ],
)
async def a_send_and_a_call_share_a_key(ctx: Context, tag: str) -> list[Any]:
    """The call waits for what the send started, and what it would have said itself is not said."""
    sent = ctx.object_send(targets.append, tag, "sent", idempotency_key="one")
    await gate(ctx, tag)
    called = ctx.object_call(targets.append, tag, "called", idempotency_key="one")
    same = await sent.invocation_id() == await called.invocation_id()
    return [await called, "one and the same" if same else "two"]
