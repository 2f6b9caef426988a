"""Errors that teach: what happened, where, and what to do instead. The whole texts, as users read them."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pgdurable_sdk import Context, ObjectContext, Service, SyncContext, VirtualObject, places
from pgdurable_sdk.limits import MEBIBYTE, Limits
from pgdurable_sdk.runtime import Failed
from tests.unit.sdk.world import World, returned

service = Service("Lessons")
thing = VirtualObject("Thing")
HERE = Path(__file__).relative_to(Path.cwd())
HOUR = timedelta(hours=1)
ASYNCIO = (
    "what a context returns is awaited by the handler's own task, and is not for asyncio's gather, wait, "
    "wait_for, timeout, shield or create_task: what they decide is not journaled, and a replay could decide "
    "otherwise. Use gather(), select() and as_completed() of pgdurable, and future.or_timeout(timedelta(...))"
)
CAUSES = """\
Usual causes: the handler's code was changed while this invocation was under way; it does something that
differs from one run to the next (a clock, a random number, a set's order, a global) outside of ctx.run; or it
catches errors too broadly. Put what differs into ctx.run, or use ctx.time(), ctx.random() and ctx.uuid(). New
code is safe for new invocations: deploy it under another deployment id, or cancel this invocation."""


async def said(function: Any, **start: Any) -> str:
    """Why the attempt fails."""
    ending = await World(function, **start).finish()
    assert isinstance(ending, Failed), ending
    return ending.message


def line_of(function: Any, text: str) -> str:
    """``file:line in function`` of a line of a handler."""
    lines, first = inspect.getsourcelines(function)
    number = first + next(n for n, line in enumerate(lines) if text in line)
    return f"{HERE}:{number} in {function.__qualname__}"


# --- code that does something else than its journal says


@service.handler()
async def before(ctx: Context) -> None:
    await ctx.run_typed("reserve", lambda: None)
    ctx.generic_send("Mail", "send", b"1")


@service.handler()
async def after(ctx: Context) -> None:
    await ctx.run_typed("book", lambda: None)


@service.handler()
async def with_other_argument(ctx: Context) -> None:
    await ctx.run_typed("reserve", lambda: None)
    ctx.generic_send("Mail", "send", b"2")  # the other one


@service.handler()
async def waiting(ctx: Context) -> None:
    await ctx.run_typed("reserve", lambda: None)
    await ctx.awakeable()[1]


@service.handler()
async def ending(ctx: Context) -> None:
    pass


@service.handler()
def in_thread(ctx: SyncContext) -> None:
    ctx.run("book", lambda: None)


@pytest.mark.parametrize(
    ("changed", "line", "index", "recorded", "attempted", "explanation"),
    [
        (after, "ctx.run_typed", 1, "Run 'reserve'", "Run 'book'", "they differ in: name"),
        (in_thread, "ctx.run", 1, "Run 'reserve'", "Run 'book'", "they differ in: name"),
        (
            *(with_other_argument, "the other one", 2),
            *("OneWayCall Mail/send with 1", "OneWayCall Mail/send with 2", "they differ in: value"),
        ),
        (
            *(waiting, "ctx.awakeable", 2, "OneWayCall Mail/send with 1"),
            *("nothing: it waits", "the first time it went on here"),
        ),
        (
            *(ending, "@service", 1, "Run 'reserve'"),
            *("nothing: it ends", "the first time it went on here"),
        ),
    ],
)
async def test_a_mismatch_shows_both_and_the_line(
    changed: Any, line: str, index: int, recorded: str, attempted: str, explanation: str
) -> None:
    world = World(before)
    await world.finish()
    failed = await world.replays_as(changed)
    assert failed.message == (
        f"the handler does not do what its journal says (RT0016), at entry {index}\n"
        f"  recorded:  {recorded}\n"
        f"  attempted: {attempted}\n"
        f"             at {line_of(changed, line)}\n"
        f"  {explanation}\n{CAUSES}"
    )


def test_where_there_is_no_line_none_is_named() -> None:
    assert places.here(thread=0) is None
    assert places.end_of(print) is None


# --- the context inside of a step


@service.handler()
async def draws_in_a_step(ctx: Context) -> None:
    await ctx.run_typed("draw", lambda: str(ctx.uuid()))


@service.handler()
async def draws_beside(ctx: Context) -> None:
    async def draw() -> float:
        return ctx.random().random()

    step = ctx.run_typed("draw", draw)
    ctx.generic_send("Mail", "send", b"")
    await step


@pytest.mark.parametrize("function", [draws_in_a_step, draws_beside])
async def test_a_step_draws_no_random_numbers(function: Any) -> None:
    """A replay does not execute it, so whatever is drawn after it would be something else."""
    message = await said(function)
    assert message.startswith("step 'draw': the context cannot be used inside ctx.run: a step is journaled")


# --- asyncio where pgdurable is meant


@service.handler()
async def gathers(ctx: Context) -> None:
    await asyncio.gather(ctx.sleep(HOUR), ctx.sleep(HOUR))


@service.handler()
async def gathers_steps(ctx: Context) -> None:
    await asyncio.gather(ctx.run_typed("a", lambda: 1), ctx.run_typed("b", lambda: 2))


@service.handler()
async def creates_a_task(ctx: Context) -> None:
    async def wait() -> None:
        await ctx.sleep(HOUR)

    await asyncio.create_task(wait())


@service.handler()
async def shields(ctx: Context) -> None:
    await asyncio.shield(ctx.sleep(HOUR))


@service.handler()
async def gathers_what_is_raised(ctx: Context) -> str:
    """It would not notice."""
    return str(await asyncio.gather(ctx.sleep(HOUR), return_exceptions=True))


@pytest.mark.parametrize(
    "function", [gathers, gathers_steps, creates_a_task, shields, gathers_what_is_raised]
)
async def test_other_tasks_may_not_wait(function: Any) -> None:
    assert await said(function) == ASYNCIO


@service.handler()
async def waits_for(ctx: Context) -> str:
    try:
        await asyncio.wait_for(ctx.sleep(HOUR), 0.01)
    except TimeoutError:
        return "too late"
    return "rested"


@service.handler()
async def with_timeout(ctx: Context) -> str:
    try:
        async with asyncio.timeout(0.01):
            await ctx.sleep(HOUR)
    except TimeoutError:
        return "too late"
    return "rested"


async def endless() -> None:
    await asyncio.Event().wait()


@service.handler()
async def step_with_timeout(ctx: Context) -> str:
    try:
        async with asyncio.timeout(0.01):
            await ctx.run_typed("slow", endless)
    except TimeoutError:
        return "too late"
    return "over"


@pytest.mark.parametrize("function", [waits_for, with_timeout, step_with_timeout])
async def test_timeouts_of_asyncio_do_not_decide(function: Any) -> None:
    world = World(function)
    await world.attempt()
    assert world.task is not None
    result = await world.task
    assert isinstance(result, Failed)
    assert result.message == ASYNCIO


# --- values of the wrong kind


async def work(x: int = 1) -> int:
    return x


@service.handler()
async def coroutine_for_a_function(ctx: Context) -> None:
    await ctx.run("work", work(1))  # type: ignore[call-overload]  # pyright: ignore


@service.handler()
async def value_for_a_function(ctx: Context) -> None:
    await ctx.run("work", 5)  # type: ignore[call-overload]  # pyright: ignore


@service.handler()
async def seconds_for_a_sleep(ctx: Context) -> None:
    await ctx.sleep(5)  # type: ignore[arg-type]  # pyright: ignore


@service.handler()
async def text_for_a_delay(ctx: Context) -> None:
    ctx.service_send(before, None, send_delay="1h")  # type: ignore[arg-type]  # pyright: ignore


@service.handler()
async def seconds_for_a_timeout(ctx: Context) -> None:
    await ctx.awakeable()[1].or_timeout(1.5)  # type: ignore[arg-type]  # pyright: ignore


@service.handler()
async def number_for_a_key(ctx: Context) -> None:
    await ctx.object_call(counted, 5, None)  # type: ignore[call-overload]  # pyright: ignore


@service.handler()
async def no_key(ctx: Context) -> None:
    await ctx.service_call(counted, None)


@service.handler()
async def needless_key(ctx: Context) -> None:
    await ctx.object_call(before, "k", None)


@service.handler()
async def forgotten_await(ctx: Context) -> Any:
    return ctx.sleep(HOUR)


@service.handler()
def coroutine_of_a_plain_function(ctx: SyncContext) -> Any:
    return work()


@thing.handler()
async def counted(ctx: ObjectContext) -> None:
    pass


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            coroutine_for_a_function,
            "step 'work': it has to be a function, but is what calling it gives: pass work itself, and its "
            "arguments behind it, as in ctx.run_typed('name', work, argument=...)",
        ),
        (value_for_a_function, "step 'work': it has to be a function, but is 5"),
        (seconds_for_a_sleep, "ctx.sleep takes a timedelta, not 5: write timedelta(seconds=5)"),
        (text_for_a_delay, "send_delay takes a timedelta, not '1h': write timedelta(seconds=...)"),
        (seconds_for_a_timeout, "or_timeout takes a timedelta, not 1.5: write timedelta(seconds=1.5)"),
        (number_for_a_key, "the key of Thing has to be a str, not 5: write str(key)"),
        (
            no_key,
            "Thing is a virtual object, so it takes a key: ctx.object_call(counted, key, argument), "
            "or object_send",
        ),
        (
            needless_key,
            "Lessons is a service and has no key: ctx.service_call(before, argument), or service_send",
        ),
        (
            forgotten_await,
            "the result of Lessons/forgotten_await cannot be serialised: SleepFuture cannot be turned into "
            "JSON: SleepFuture has no JSON form; use a dataclass, or give a serde. It was not awaited: "
            "write `return await ...`",
        ),
    ],
)
async def test_what_is_of_the_wrong_kind_is_said(function: Any, message: str) -> None:
    assert await said(function) == message


async def test_a_plain_handler_that_returns_a_coroutine_is_told() -> None:
    message = await said(coroutine_of_a_plain_function)
    assert message.endswith("It was not awaited: write `return await ...`")


# --- suspension that is not let through


@service.handler()
async def bare_except(ctx: Context) -> str:
    try:
        await ctx.sleep(HOUR)
    except:  # noqa: E722
        return "swallowed"
    return "rested"


@service.handler()
async def awaits_in_finally(ctx: Context) -> None:
    try:
        await ctx.sleep(HOUR)
    finally:
        await asyncio.sleep(0)
        await ctx.run_typed("clean up", lambda: None)


async def test_swallowing_the_suspension_is_explained() -> None:
    world = World(bare_except)
    await world.attempt()
    assert world.execution is not None
    world.execution.suspend()
    result = await world.ending()
    assert isinstance(result, Failed)
    assert result.message == (
        "the handler Lessons/bare_except was to be suspended and swallowed the SuspendedException: this "
        "invocation waits, so its handler leaves memory and is replayed later. That is no error; your code "
        "sees it because it catches BaseException or uses a bare `except:`. Catch Exception instead, or "
        "raise this again."
    )


@service.handler()
async def tries_for_ever(ctx: Context) -> None:
    while True:
        with contextlib.suppress(BaseException):
            await ctx.sleep(HOUR)


@service.handler()
async def waits_for_ever(ctx: Context) -> None:
    future = ctx.awakeable()[1]
    while True:
        with contextlib.suppress(BaseException):
            await future


@service.handler()
async def steps_for_ever(ctx: Context) -> None:
    async def beside() -> None:
        await ctx.sleep(HOUR)

    step = ctx.run_typed("step", lambda: None)
    task = asyncio.create_task(beside())  # it is not allowed to wait, and that is the end
    await asyncio.wait([task])
    while True:
        with contextlib.suppress(Exception):
            await step


@service.handler()
def blocks_for_ever(ctx: SyncContext) -> None:
    while True:
        with contextlib.suppress(BaseException):
            ctx.sleep(HOUR)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (tries_for_ever, "swallowed the SuspendedException"),
        (waits_for_ever, "swallowed the SuspendedException"),
        (blocks_for_ever, "swallowed the SuspendedException"),
        (steps_for_ever, ASYNCIO),
    ],
)
async def test_swallowing_it_in_a_loop_blocks_nobody(function: Any, message: str) -> None:
    """The attempt ends without its handler, which is not resumed."""
    world = World(function)
    await world.attempt()
    assert world.execution is not None
    world.execution.suspend()
    async with asyncio.timeout(60):
        assert world.task is not None
        result = await world.task
    assert isinstance(result, Failed)
    assert message in result.message


async def test_a_finally_that_awaits_is_suspended_with_the_rest() -> None:
    world = World(awaits_in_finally)
    await world.attempt()
    await world.suspended()
    world.execution = None
    world.fire(1)
    assert await world.finish() == returned(None)
    assert len(world.types) == 2


# --- payloads


@thing.handler()
async def keeps(ctx: ObjectContext, size: int) -> int:
    ctx.set("document", "x" * size)
    return size


@service.handler()
async def makes(ctx: Context, size: int) -> int:
    return len(await ctx.run_typed("fetch", lambda: "x" * size))


@service.handler()
async def makes_beside(ctx: Context, size: int) -> int:
    step = ctx.run_typed("fetch", lambda: "x" * size)
    ctx.generic_send("Mail", "send", b"")
    return len(await step)


@service.handler()
async def passes_on(ctx: Context, size: int) -> None:
    ctx.generic_send("Mail", "send", b"x" * size)


@service.handler()
async def gives(ctx: Context, size: int) -> str:
    return "x" * size


@service.handler()
async def takes(ctx: Context, text: str) -> int:
    return len(text)


TOO_LARGE = (
    "is {size}, larger than the limit of 2 MiB (RT0003). Store it elsewhere and pass a reference, or raise "
    "payload_limit in the engine's settings"
)


@pytest.mark.parametrize(
    ("function", "what", "extra"),
    [
        (keeps, "the value of SetState document", 2),
        (makes, "the value of Run fetch", 2),
        (makes_beside, "the value of Run fetch", 2),
        (passes_on, "the value of OneWayCall Mail/send", 0),
        (gives, "the result", 2),
    ],
)
async def test_large_payloads_are_said_once_and_then_refused(
    function: Any, what: str, extra: int, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(MEBIBYTE, 2 * MEBIBYTE)
    for _ in range(2):
        world = World(function, input=str(3 * MEBIBYTE // 2).encode())
        world.limits = limits
        assert not isinstance(await world.finish(), Failed)
    name = World(function).handler.target(None)
    assert [record.getMessage() for record in caplog.records] == [
        f"{name}: {what} is 1.5 MiB; payloads of more than 1 MiB make everything slow, store them elsewhere"
    ]
    world = World(function, input=str(3 * MEBIBYTE).encode())
    world.limits = limits
    result = await world.finish()
    assert isinstance(result, Failed)
    assert (result.code, result.message) == (413, f"{what} {TOO_LARGE.format(size='3 MiB')}")


async def test_a_large_input_is_refused_too() -> None:
    world = World(takes, input=b'"' + b"x" * 300 + b'"')
    world.limits = Limits(100, 200)
    result = await world.finish()
    assert isinstance(result, Failed)
    assert result.message.startswith("the input is 302 bytes, larger than the limit of 200 bytes (RT0003)")


def test_the_limits_are_those_of_restate() -> None:
    assert Limits() == Limits(10 * MEBIBYTE, 32 * MEBIBYTE)
    assert sys.getsizeof(Limits()) < 100
