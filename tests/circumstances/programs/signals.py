"""Named signals: to this invocation and to others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from pgdurable import Context, Service, TerminalError
from pgdurable_sdk import ids
from tests.circumstances import targets
from tests.circumstances.catalogue import program
from tests.circumstances.telling import GATE, QUICK, attempt, gate, saw

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.circumstances.report import Report
    from tests.circumstances.run import Run

signals = Service("Signals", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [signals]

NOBODY = ids.format_id(UUID(int=1))
"""The id of no invocation."""


async def one_after_the_other(run: Run) -> Any:
    """Two before anybody waits, two afterwards, of two names."""
    await run.begin()
    await run.told("gate")
    await run.post("/Echo/signal", [run.id, "news", "a", "b"])
    await run.crash()
    await run.told("saw", 3)
    await run.waits()
    await run.post("/Echo/signal", [run.id, "other", "x"])
    await run.post("/Echo/signal", [run.id, "news", "c", "d"])
    return await run.outcome()


def order_was_kept(report: Report) -> None:
    assert all(seen == report.saw[-1][: len(seen)] for seen in report.saw), report.saw


@program(
    signals.handler(),
    returns=["a", "b", "c", "x", "d"],
    journal=GATE,
    outside=one_after_the_other,
    check=order_was_kept,
)
async def several_of_one_name_come_in_order(ctx: Context, tag: str) -> list[str]:
    await gate(ctx, tag)
    seen: list[str] = []
    for name in ("news", "news", "news", "other", "news"):
        saw(tag, list(seen))
        seen.append(await ctx.signal(name, type_hint=str))
    return seen


@program(
    signals.handler(),
    returns=["to myself", "busy", 503],
    journal=["SendSignal self", *GATE, "Call Echo/refuse"],
)
async def to_itself_and_refused(ctx: Context, tag: str) -> list[Any]:
    own = ctx.request().id
    ctx.resolve_signal(own, "self", "to myself")
    await gate(ctx, tag)
    mine = await ctx.signal("self", type_hint=str)
    await ctx.service_call(targets.refuse, [own, "answer", "busy", 503])
    try:
        await ctx.signal("answer")
    except TerminalError as error:
        return [mine, error.message, error.status_code]
    return []


@program(
    signals.handler(),
    returns="go",
    journal=["Call Echo/hold", "SendSignal release", *GATE],
)
async def to_another(ctx: Context, tag: str) -> str:
    held = ctx.service_call(targets.hold, tag)
    id = await held.invocation_id()
    ctx.resolve_signal(id, "release", "go")
    await gate(ctx, tag)
    return await held


@program(
    signals.handler(),
    returns=["early", "late"],
    journal=["SendSignal a", "SendSignal a", *GATE],
)
async def futures_of_one_name_are_served_in_turn(ctx: Context, tag: str) -> list[str]:
    first, second = ctx.signal("a", type_hint=str), ctx.signal("a", type_hint=str)
    own = ctx.request().id
    ctx.resolve_signal(own, "a", "early")
    ctx.resolve_signal(own, "a", "late")
    await gate(ctx, tag)
    late = await second
    return [await first, late]


@program(
    signals.handler(),
    returns=[400, 400, 400],
    journal=["SendSignal lost", "SendSignal lost", "SendSignal", *GATE],
)
async def to_nobody(ctx: Context, tag: str) -> list[int]:
    """Nothing happens where there is no such invocation; what is no id is told at once."""
    ctx.resolve_signal(NOBODY, "lost", 1)
    ctx.reject_signal(NOBODY, "lost", "nobody")
    ctx.cancel_invocation(NOBODY)
    codes: list[int] = []
    uses: list[Callable[[], None]] = [
        lambda: ctx.resolve_signal("inv_1x", "a", 1),
        lambda: ctx.reject_signal("x", "a", "b"),
        lambda: ctx.cancel_invocation(""),
    ]
    for use in uses:
        try:
            use()
        except TerminalError as error:
            codes.append(error.status_code)
    await gate(ctx, tag)
    return codes
