"""What may be said beside: serdes, headers, keys and delays of calls by all names, options of state."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec.json import decode

from pgdurable import (
    Context,
    InvocationRetryPolicy,
    ObjectContext,
    RunOptions,
    Service,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from pgdurable.serde import BytesSerde, Serde
from tests.circumstances import targets
from tests.circumstances.catalogue import program
from tests.circumstances.programs.steps import third_time
from tests.circumstances.telling import GATE, QUICK, attempt, gate

if TYPE_CHECKING:
    from tests.circumstances.report import Report
    from tests.circumstances.run import Run

said = Service("Said", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
lazy = VirtualObject(
    "Lazy", enable_lazy_state=True, invocation_retry_policy=QUICK, invocation_context_managers=[attempt]
)
told = Workflow(
    "Told", enable_lazy_state=True, invocation_retry_policy=QUICK, invocation_context_managers=[attempt]
)
SERVICES = [said, lazy, told]

SOON = timedelta(milliseconds=1)
RED = {"color": "red"}
CAPPED = InvocationRetryPolicy(SOON, exponentiation_factor=1e6, max_interval=SOON)


class Backwards(Serde[str]):
    """Text, its last letter first."""

    def serialize(self, obj: str | None) -> bytes:
        return (obj or "")[::-1].encode()

    def deserialize(self, buf: bytes) -> str:
        return buf.decode()[::-1]


BACKWARDS = Backwards()


# -- serdes


@program(
    said.handler(),
    returns=["awakeable", "signal", "step", '"result"', '"result"'],
    journal=[
        *("CompleteAwakeable", "SendSignal news", "OneWayCall Echo/say", *GATE),
        *("Run step", "AttachInvocation", "GetInvocationOutput"),
    ],
)
async def by_serdes_of_their_own(ctx: Context, tag: str) -> list[str]:
    id, awakeable = ctx.awakeable(serde=BACKWARDS)
    ctx.resolve_awakeable(id, "awakeable", serde=BACKWARDS)
    ctx.resolve_signal(ctx.request().id, "news", "signal", serde=BACKWARDS)
    sent = await ctx.service_send(targets.say, "result").invocation_id()
    await gate(ctx, tag)
    step = ctx.run(
        *("step", lambda: "step"), serde=BACKWARDS, max_attempts=3, max_retry_duration=timedelta(hours=1)
    )
    attached = await ctx.attach_invocation(sent, serde=BytesSerde())
    output = await ctx.invocation_output(sent, serde=BytesSerde())
    signal = await ctx.signal("news", serde=BACKWARDS)
    return [await awakeable, signal, await step, attached.decode(), (output or b"").decode()]


@said.handler(
    "text",
    accept="text/plain",
    content_type="text/plain",
    input_serde=BACKWARDS,
    output_serde=BACKWARDS,
)
async def louder(ctx: Context, words: str) -> str:
    return words + "!"


@program(said.handler(), returns=["hello!", "!olleh"], journal=["Call Said/text", *GATE, "Call Said/text"])
async def handlers_have_serdes(ctx: Context, tag: str) -> list[str]:
    called = await ctx.service_call(louder, "hello")
    await gate(ctx, tag)
    return [called, (await ctx.generic_call("Said", "text", b"olleh")).decode()]


async def given(run: Run) -> Any:
    await run.begin()
    await run.told("gate")
    await run.crash()
    await run.post(f"/Told/{run.tag}/give", "promise")
    return await run.outcome()


@program(
    told.main(enable_lazy_state=False, state_preload=["a"]),
    returns=[None, "promise"],
    journal=["GetEagerState a", *GATE, "GetPromise p"],
    outside=given,
)
async def promises_have_serdes(ctx: WorkflowContext, tag: str) -> list[str | None]:
    before = await ctx.get("a", serde=BACKWARDS)
    await gate(ctx, tag)
    return [before, await ctx.promise("p", serde=BACKWARDS)]


@told.handler()
async def give(ctx: WorkflowSharedContext, value: str) -> None:
    await ctx.promise("p", serde=BACKWARDS).resolve(value)


# -- headers, keys, delays


@lazy.handler()
async def color_of_object(ctx: ObjectContext) -> str:
    return ctx.request().headers["color"]


@told.handler()
async def color_of_workflow(ctx: WorkflowSharedContext) -> str:
    return ctx.request().headers["color"]


@program(
    said.handler(),
    returns=[["red", "red", "red"], ["red", "red", "red", "red"], True, True],
    journal=[
        *("Call Echo/headers", "Call Lazy/Said.by_all_names/color_of_object"),
        *("Call Told/Said.by_all_names/color_of_workflow", *GATE),
        *("OneWayCall Echo/headers", "OneWayCall Echo/headers"),
        "OneWayCall Lazy/Said.by_all_names/color_of_object",
        "OneWayCall Told/Said.by_all_names/color_of_workflow",
        *(4 * ["AttachInvocation"]),
    ],
)
async def by_all_names(ctx: Context, tag: str) -> list[Any]:
    """A send with the key of a call is that call."""
    generic = ctx.generic_call("Echo", "headers", b"", idempotency_key=tag, headers=RED)
    object = ctx.object_call(color_of_object, tag, None, headers=RED)
    workflow = ctx.workflow_call(color_of_workflow, tag, None, idempotency_key="one", headers=RED)
    called = [decode(await generic)["color"], await object, await workflow]
    await gate(ctx, tag)
    sent = [
        ctx.service_send(targets.headers, None, headers=RED),
        ctx.generic_send("Echo", "headers", b"", idempotency_key=tag, headers=RED),
        ctx.object_send(color_of_object, tag, None, send_delay=SOON, headers=RED),
        ctx.workflow_send(
            *(color_of_workflow, tag, None), send_delay=SOON, idempotency_key="one", headers=RED
        ),
    ]
    ids = [await handle.invocation_id() for handle in sent]
    answers = [await ctx.attach_invocation(id) for id in ids]
    colors = [answer if isinstance(answer, str) else answer["color"] for answer in answers]
    same = [ids[1] == await generic.invocation_id(), ids[3] == await workflow.invocation_id()]
    return [called, colors, *same]


async def in_a_trace(run: Run) -> Any:
    await run.begin(traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    await run.told("gate")
    await run.crash()
    return await run.outcome()


@program(said.handler(), returns="a" * 32, journal=GATE, outside=in_a_trace)
async def attempts_have_headers(ctx: Context, tag: str) -> str:
    await gate(ctx, tag)
    return ctx.request().attempt_headers["traceparent"].split("-")[1]


# -- futures, retries


@program(said.handler(), returns=[False, True], journal=["CompleteAwakeable", *GATE])
async def futures_say_whether_they_are_completed(ctx: Context, tag: str) -> list[bool]:
    """As far as the handler has waited, and the same in each replay."""
    id, future = ctx.awakeable()
    ctx.resolve_awakeable(id, None)
    before = future.is_completed()
    await gate(ctx, tag)
    await future
    return [before, future.is_completed()]


@program(said.handler(), returns="done", journal=["Run try", *GATE], did={"try": 3})
async def waits_between_tries_have_a_limit(ctx: Context, tag: str) -> str:
    options: RunOptions[str] = RunOptions(
        initial_retry_interval=SOON,
        retry_interval_factor=1e6,
        max_retry_interval=SOON,
        max_retry_duration=timedelta(hours=1),
    )
    done = await ctx.run_typed("try", third_time(tag), options)
    await gate(ctx, tag)
    return done


def tried_thrice(report: Report) -> None:
    assert report.did["try"] >= 3


@program(
    said.handler(invocation_retry_policy=CAPPED),
    returns="done",
    journal=["OneWayCall Echo/say", *GATE],
    did={"try": None},
    check=tried_thrice,
)
async def waits_between_attempts_have_a_limit(ctx: Context, tag: str) -> str:
    ctx.service_send(targets.say, "before")
    done = third_time(tag)()
    await gate(ctx, tag)
    return done


# -- state that does not come along


async def filled(run: Run) -> Any:
    await run.post(f"/Lazy/{run.tag}/fill")
    await run.begin()
    await run.told("gate")
    await run.crash()
    return await run.outcome()


@lazy.handler()
async def fill(ctx: ObjectContext) -> None:
    ctx.set("a", "A")
    ctx.set("b", "B")


@program(
    lazy.handler(),
    returns=["A", ["a", "b"], "B", None, ["a", "b", "c"], None, ["b", "c"], []],
    journal=[
        *("GetLazyState a", "GetLazyStateKeys", *GATE, "GetLazyState b", "GetLazyState missing"),
        *("SetState c", "GetLazyStateKeys", "ClearState a", "GetEagerState a", "GetLazyStateKeys"),
        *("ClearAllState", "GetEagerStateKeys"),
    ],
    outside=filled,
)
async def read_when_asked_for(ctx: ObjectContext, tag: str) -> list[Any]:
    seen: list[Any] = [await ctx.get("a"), await ctx.state_keys(entry_name="before")]
    await gate(ctx, tag)
    seen += [await ctx.get("b"), await ctx.get("missing")]
    ctx.set("c", "C")
    seen.append(await ctx.state_keys())
    ctx.clear("a", entry_name="no more a")
    seen += [await ctx.get("a"), await ctx.state_keys()]
    ctx.clear_all(entry_name="nothing left")
    return [*seen, await ctx.state_keys()]


@program(
    lazy.handler(enable_lazy_state=False, state_preload=["a", "missing"]),
    returns=["A", None, "B", "A"],
    journal=["GetEagerState a", "GetEagerState missing", "GetLazyState b", *GATE, "GetEagerState a"],
    outside=filled,
)
async def some_of_it_comes_along(ctx: ObjectContext, tag: str) -> list[Any]:
    seen = [await ctx.get("a"), await ctx.get("missing"), await ctx.get("b")]
    await gate(ctx, tag)
    return [*seen, await ctx.get("a")]
