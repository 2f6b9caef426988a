"""Calls: to services, objects and by name, with headers and idempotency keys; and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

import pgdurable
from pgdurable import Context, Service, TerminalError
from tests.circumstances import targets
from tests.circumstances.catalogue import Failure, program
from tests.circumstances.programs.signals import NOBODY
from tests.circumstances.telling import GATE, QUICK, attempt, gate, tell

if TYPE_CHECKING:
    from tests.circumstances.run import Run

calls = Service("Calls", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [calls]


@program(
    calls.handler(),
    returns=["hello", ["a"], ["a", "b"], {"generic": True}, ["a", "b", 3], "red", ["a", "b", 3]],
    journal=[
        *("Call Echo/say", "Call Counter/Calls.of_all_kinds/append", *GATE),
        *(
            "Call Counter/Calls.of_all_kinds/append",
            "Call Echo/say",
            "Call Counter/Calls.of_all_kinds/append",
        ),
        *("Call Echo/headers", "Call Counter/Calls.of_all_kinds/items"),
    ],
)
async def of_all_kinds(ctx: Context, tag: str) -> list[Any]:
    said: list[Any] = [
        await ctx.service_call(targets.say, "hello"),
        await ctx.object_call(targets.append, tag, "a"),
    ]
    await gate(ctx, tag)
    said.append(await ctx.object_call(targets.append, tag, "b"))
    said.append(msgspec.json.decode(await ctx.generic_call("Echo", "say", b'{"generic": true}')))
    said.append(msgspec.json.decode(await ctx.generic_call("Counter", "append", b"3", key=tag)))
    headers = await ctx.service_call(targets.headers, None, headers={"color": "red"})
    said.append(headers["color"])
    said.append(await ctx.object_call(targets.items, tag, None))
    return said


@program(
    calls.handler(),
    returns=[418, "teapot", "said nevertheless"],
    journal=["Call Echo/fail", *GATE, "Call Echo/say"],
)
async def failures_can_be_caught(ctx: Context, tag: str) -> list[Any]:
    caught: list[Any] = []
    try:
        await ctx.service_call(targets.fail, "teapot")
    except TerminalError as error:
        caught = [error.status_code, error.message]
    await gate(ctx, tag)
    return [*caught, await ctx.service_call(targets.say, "said nevertheless")]


@program(calls.handler(), fails=Failure(418, "teapot"), journal=["Call Echo/fail", *GATE])
async def failures_are_passed_on(ctx: Context, tag: str) -> None:
    future = ctx.service_call(targets.fail, "teapot")
    await gate(ctx, tag)
    await future


@program(
    calls.handler(),
    returns=[True, True, True],
    journal=["Call Echo/hold", "Call Echo/hold", "Run tell", *GATE, "SendSignal release", "SendSignal"],
    did={"held: cancelled": 1},
)
async def they_have_ids(ctx: Context, tag: str) -> list[bool]:
    """The id is that of the callee, and is enough to signal it and to cancel it."""
    kept, cancelled = ctx.service_call(targets.hold, tag), ctx.service_call(targets.hold, tag)
    id = await kept.invocation_id()
    await ctx.run_typed("tell", lambda: tell(tag, "id", id))
    await gate(ctx, tag)
    ctx.resolve_signal(id, "release", "go")
    await cancelled.cancel_invocation()
    released = await kept
    try:
        await cancelled
    except TerminalError as error:
        return [released == "go", error.status_code == 409, id == await kept.invocation_id()]
    return []


# -- idempotency keys


@program(
    calls.handler(),
    returns=[True, True, True, True],
    journal=[*(3 * ["Call Echo/effect"]), *GATE, "Call Echo/effect", "Call Echo/once", "Call Echo/once"],
    did={"shared": 1, "alone": 1},
)
async def one_key_is_one_invocation(ctx: Context, tag: str) -> list[bool]:
    """From one handler, at once and later, and from another one."""
    first, second = (ctx.service_call(targets.effect, [tag, "shared"], idempotency_key=tag) for _ in range(2))
    other = ctx.service_call(targets.effect, [tag, "alone"], idempotency_key=f"{tag} other")
    await gate(ctx, tag)
    later = ctx.service_call(targets.effect, [tag, "shared"], idempotency_key=tag)
    elsewhere = [ctx.service_call(targets.once, [tag, tag]) for _ in range(2)]
    same = [await first, await second, await later, *[await one for one in elsewhere]]
    return [
        len(set(same)) == 1,
        await first.invocation_id() == await later.invocation_id(),
        await other != await first,
        await other.invocation_id() != await first.invocation_id(),
    ]


async def client_and_handler(run: Run) -> Any:
    """A client's key, and the handler's, are the same key."""
    path = "/Echo/effect"
    first = await run.post(path, [run.tag, "shared"], **{"idempotency-key": run.tag})
    await run.begin()
    await run.told("gate")
    await run.crash()
    came = await run.outcome()
    again = await run.post(f"{path}/send", [run.tag, "shared"], **{"idempotency-key": run.tag})
    return [first.json() == came, again.json()["status"]]


@program(
    calls.handler(),
    returns=[True, "PreviouslyAccepted"],
    journal=["Call Echo/effect", *GATE],
    outside=client_and_handler,
)
async def one_key_with_clients(ctx: Context, tag: str) -> str:
    future = ctx.service_call(targets.effect, [tag, "shared"], idempotency_key=tag)
    await gate(ctx, tag)
    return await future


async def release_the_chain(run: Run) -> Any:
    await run.begin()
    held = await run.told("held")
    await run.told("gate")
    await run.crash()
    await run.post("/Echo/signal", [run.id, "held", held])
    return await run.outcome()


@program(
    calls.handler(),
    returns=["deep", "deep"],
    journal=["Call Echo/chain", *GATE, "SendSignal release"],
    outside=release_the_chain,
)
async def calls_call_calls(ctx: Context, tag: str) -> list[str]:
    future = ctx.service_call(targets.chain, [tag, 3])
    await gate(ctx, tag)
    held = await ctx.signal("held", type_hint=str)
    ctx.resolve_signal(held, "release", "deep")
    return [await future, await future]


# -- invocations that others started


@program(
    calls.handler(),
    returns=[
        *("go", None, "go", [418, "teapot"], [418, "teapot"]),
        *([404, "invocation not found"], [404, "invocation not found"], [400]),
    ],
    journal=[
        *("OneWayCall Echo/hold", "OneWayCall Echo/fail", "GetInvocationOutput", "AttachInvocation", *GATE),
        *("SendSignal release", "GetInvocationOutput", "AttachInvocation", "GetInvocationOutput"),
        *("AttachInvocation", "GetInvocationOutput"),
    ],
)
async def attached_to(ctx: Context, tag: str) -> list[Any]:
    """Running, completed, failed and unknown ones; their results waited for and looked at."""
    running = await ctx.service_send(targets.hold, tag).invocation_id()
    failing = await ctx.service_send(targets.fail, "teapot").invocation_id()
    early = await ctx.invocation_output(running)
    attached = ctx.attach_invocation(running, type_hint=str)
    await gate(ctx, tag)
    ctx.resolve_signal(running, "release", "go")
    said: list[Any] = [await attached, early, await ctx.invocation_output(running, type_hint=str)]
    for id in (failing, NOBODY):
        said += [await failure_of(ctx.attach_invocation(id)), await failure_of(ctx.invocation_output(id))]
    try:
        ctx.attach_invocation("inv_1nonsense")
    except TerminalError as error:
        said.append([error.status_code])
    return said


async def failure_of(future: pgdurable.DurableFuture[Any]) -> list[Any]:
    try:
        await future
    except TerminalError as error:
        return [error.status_code, error.message]
    return []
