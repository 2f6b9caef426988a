"""ctx.run: what it executes, what it journals, how it is tried again."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pgdurable
from pgdurable import Context, RetryableError, RunOptions, Service, TerminalError, UsageError
from pgdurable_sdk.serde import BytesSerde
from tests.circumstances.catalogue import Failure, program
from tests.circumstances.telling import GATE, QUICK, attempt, did, doing, gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.circumstances.report import Report

steps = Service("Steps", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [steps]

SOON = timedelta(milliseconds=1)


@dataclass
class Receipt:
    number: int
    paid: bool


class Doing:
    """An object that is called."""

    async def __call__(self, tag: str, what: str) -> str:
        return did(tag, what)


@program(
    steps.handler(),
    returns=["coroutine", "function", "keywords", "lambda", "partial", "object", "arguments"],
    journal=[*(f"Run {number}" for number in range(7)), *GATE],
)
async def closures(ctx: Context, tag: str) -> list[str]:
    options: RunOptions[str] = RunOptions()
    said = [
        await ctx.run_typed("0", doing, options, tag, "coroutine"),
        await ctx.run_typed("1", did, options, tag, "function"),
        await ctx.run_typed("2", doing, options, tag, what="keywords"),
        await ctx.run_typed("3", lambda: doing(tag, "lambda")),
        await ctx.run_typed("4", functools.partial(did, tag, "partial")),
        await ctx.run_typed("5", Doing(), options, tag, "object"),
        await ctx.run("6", did, args=(tag, "arguments")),
    ]
    await gate(ctx, tag)
    return said


@program(
    steps.handler(),
    returns=[{"number": 1, "paid": True}, {"number": 2, "paid": False}, "00ff", None, [1, 2]],
    journal=["Run signature", "Run hint", "Run bytes", "Run nothing", "Run list", *GATE],
)
async def results_have_types(ctx: Context, tag: str) -> list[Any]:
    def signature() -> Receipt:
        return Receipt(1, True)

    def untyped():  # type: ignore[no-untyped-def]
        return {"number": 2, "paid": False}

    def raw() -> bytes:
        return b"\x00\xff"

    def nothing() -> None:
        did(tag, "nothing")

    first = await ctx.run_typed("signature", signature)
    second = await ctx.run_typed("hint", untyped, RunOptions(type_hint=Receipt))  # pyright: ignore
    third = await ctx.run_typed("bytes", raw, RunOptions(serde=BytesSerde()))
    fourth: Any = await ctx.run("nothing", nothing)
    fifth = await ctx.run("list", lambda: [1, 2], type_hint=list[int])
    await gate(ctx, tag)
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    return [asdict(first), asdict(second), third.hex(), fourth, fifth]


@program(
    steps.handler(),
    returns=[418, "teapot", {"size": "small"}],
    journal=["Run brew", *GATE],
    did={"brew": 1},
)
async def terminal_error_is_journaled(ctx: Context, tag: str) -> list[Any]:
    async def brew() -> None:
        did(tag, "brew")
        raise TerminalError("teapot", 418, {"size": "small"})

    caught: list[Any] = []
    try:
        await ctx.run_typed("brew", brew)
    except TerminalError as error:
        caught = [error.status_code, error.message, error.metadata]
    await gate(ctx, tag)
    return caught


@program(steps.handler(), fails=Failure(418, "teapot"), journal=["Run brew", *GATE])
async def terminal_error_fails_the_invocation(ctx: Context, tag: str) -> None:
    async def brew() -> None:
        raise TerminalError("teapot", 418)

    try:
        await ctx.run_typed("brew", brew)
    finally:
        await gate(ctx, tag)


@program(
    steps.handler(),
    returns=[500, "no 3"],
    journal=["Run try", *GATE],
    did={"try": 3},
)
async def attempts_run_out(ctx: Context, tag: str) -> list[Any]:
    tries = 0

    async def fails() -> None:
        nonlocal tries
        tries += 1
        did(tag, "try")
        raise ValueError("no 3" if tries else "never")

    caught: list[Any] = []
    try:
        await ctx.run_typed("try", fails, RunOptions(max_attempts=3, initial_retry_interval=SOON))
    except TerminalError as error:
        caught = [error.status_code, error.message]
    await gate(ctx, tag)
    return caught


def tried_for_a_while(report: Report) -> None:
    assert 2 <= report.did["try"] <= 6, report.did


@program(
    steps.handler(),
    returns=["too long"],
    journal=["Run try", *GATE],
    did={"try": None},
    check=tried_for_a_while,
)
async def duration_runs_out(ctx: Context, tag: str) -> list[str]:
    def fails() -> None:
        did(tag, "try")
        raise ValueError("too long")

    interval = timedelta(milliseconds=30)
    options: RunOptions[None] = RunOptions(
        max_duration=timedelta(milliseconds=70), initial_retry_interval=interval, retry_interval_factor=1.0
    )
    caught: list[str] = []
    try:
        await ctx.run_typed("try", fails, options)
    except TerminalError as error:
        caught.append(error.message)
    await gate(ctx, tag)
    return caught


@program(steps.handler(), returns="done", journal=["Run before", "Run try", *GATE], did={"try": 3})
async def tried_again_until_done(ctx: Context, tag: str) -> str:
    """The attempts of a step are those of its invocation; what was journaled before is not done again."""
    await ctx.run_typed("before", doing, RunOptions(), tag, "before")
    done = await ctx.run_typed("try", third_time(tag), RunOptions(initial_retry_interval=SOON))
    await gate(ctx, tag)
    return done


@program(steps.handler(), returns="done", journal=["Run try", *GATE], did={"try": 3})
async def retryable_error_says_when(ctx: Context, tag: str) -> str:
    async def busy() -> str:
        try:
            return third_time(tag)()
        except ValueError as error:
            raise RetryableError("busy", 503, retry_after=SOON) from error

    options: RunOptions[str] = RunOptions(initial_retry_interval=timedelta(hours=1))
    done = await ctx.run_typed("try", busy, options)
    await gate(ctx, tag)
    return done


TRIES: dict[str, int] = {}


def third_time(tag: str) -> Callable[[], str]:
    """Fails twice."""

    def action() -> str:
        did(tag, "try")
        TRIES[tag] = TRIES.get(tag, 0) + 1
        if TRIES[tag] < 3:
            raise ValueError("not yet")
        return "done"

    return action


@program(
    steps.handler(),
    returns=["a", "b", "c"],
    journal=["Run a", "Run b", "Run c", *GATE],
)
async def side_by_side(ctx: Context, tag: str) -> list[str]:
    options: RunOptions[str] = RunOptions()
    futures = [ctx.run_typed(name, doing, options, tag, name) for name in "abc"]
    await pgdurable.gather(*futures)
    await gate(ctx, tag)
    return [await future for future in futures]


@program(
    steps.handler(),
    returns="early",
    journal=["Run early", *GATE],
)
async def awaited_later(ctx: Context, tag: str) -> str:
    """It begins when anything is awaited."""
    early = ctx.run_typed("early", doing, RunOptions(), tag, "early")
    await gate(ctx, tag)
    return await early


@program(steps.handler(), returns=None, journal=[*GATE, "Run forgotten"], did={"forgotten": 1})
async def never_awaited(ctx: Context, tag: str) -> None:
    """It is executed before the handler ends."""
    await gate(ctx, tag)
    ctx.run_typed("forgotten", doing, RunOptions(), tag, "forgotten")


@program(
    steps.handler(),
    returns="the context cannot be used inside ctx.run",
    journal=["Run inside", *GATE],
)
async def the_context_is_not_for_steps(ctx: Context, tag: str) -> str:
    async def inside() -> str:
        try:
            await ctx.sleep(SOON)
        except UsageError as error:
            return str(error).partition(":")[0]
        return "it slept"

    said = await ctx.run_typed("inside", inside)
    await gate(ctx, tag)
    return said
