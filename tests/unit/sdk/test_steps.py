"""ctx.run: in line, journaled first, slow, retried, exhausted."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from pgdurable_sdk import Context, RetryableError, RunOptions, Service, TerminalError, gather
from pgdurable_sdk.journal.entries import EntryType, Outcome
from pgdurable_sdk.runtime import AttemptLost, Failed
from tests.unit.sdk.world import World, returned

RUN = EntryType.RUN
steps = Service("Steps")
calls: list[Any] = []


@pytest.fixture(autouse=True)
def forget_calls() -> None:
    calls.clear()


async def note(value: Any) -> Any:
    calls.append(value)
    return value


@steps.handler()
async def three(ctx: Context) -> list[int]:
    return [await ctx.run_typed(f"step {n}", note, RunOptions(), n) for n in range(3)]


async def test_a_step_awaited_at_once_is_one_row() -> None:
    world = World(three)
    assert await world.finish() == returned([0, 1, 2])
    assert [(row.name, row.outcome, row.value) for row in world.rows[1:]] == [
        ("step 0", "success", b"0"),
        ("step 1", "success", b"1"),
        ("step 2", "success", b"2"),
    ]
    assert world.commits == 3, "each result is durable before the handler has it"


async def test_a_journaled_step_is_not_executed_again() -> None:
    world = World(three)
    await world.finish()
    await world.replays()
    assert calls == [0, 1, 2]


async def test_a_crash_between_two_steps_loses_neither() -> None:
    world = World(three)
    await world.finish()
    del world.rows[3:]
    assert await world.finish() == returned([0, 1, 2])
    assert calls == [0, 1, 2, 2]


@steps.handler()
async def beside_a_call(ctx: Context) -> list[Any]:
    step = ctx.run_typed("step", note, RunOptions(), "done")
    call = ctx.generic_call("Other", "handler", b"")
    return [await step, (await call).decode()]


async def test_a_step_beside_other_work_is_journaled_first_and_proposed() -> None:
    world = World(beside_a_call)
    await world.attempt()
    assert world.types == [RUN, EntryType.CALL]
    assert world.rows[1].outcome is None
    world.complete(2, b"1")
    assert await world.ending() == returned(["done", "1"])
    assert [(n.type, n.index) for n in world.notifications] == [(RUN, 1), (EntryType.CALL, 2)]
    await world.replays()
    assert calls == ["done"]


async def test_a_step_without_a_result_is_executed_again() -> None:
    world = World(beside_a_call)
    await world.attempt()
    world.notifications.clear()  # it crashed before the result was committed
    world.complete(2, b"1")
    assert calls == ["done"]
    assert await world.finish() == returned(["done", "1"])
    assert calls == ["done", "done"]
    assert [n.index for n in world.notifications] == [2, 1]


@steps.handler()
async def both(ctx: Context) -> list[int]:
    reached = asyncio.Event()

    async def first() -> int:
        await reached.wait()
        return 1

    async def second() -> int:
        reached.set()
        return 2

    one, two = ctx.run_typed("one", first), ctx.run_typed("two", second)
    await gather(one, two)
    return [await one, await two]


async def test_steps_awaited_together_execute_together() -> None:
    world = World(both)
    assert await world.finish() == returned([1, 2])
    assert [(row.name, row.outcome) for row in world.rows[1:]] == [("one", None), ("two", None)]
    assert [n.index for n in world.notifications] == [2, 1]
    await world.replays()


class Gate:
    """A closure that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.interrupted = False

    async def __call__(self) -> str:
        self.entered.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.interrupted = True
            raise
        return "through"


gate = Gate()


@pytest.fixture
def closed_gate() -> Gate:
    global gate
    gate = Gate()
    return gate


@steps.handler()
async def passing(ctx: Context) -> Any:
    return await ctx.run_typed("gate", gate)


async def started(world: World, closed_gate: Gate) -> None:
    task = asyncio.create_task(world.attempt())
    await closed_gate.entered.wait()
    del task


async def test_a_slow_step_is_journaled_while_it_executes(
    closed_gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(passing)
    await started(world, closed_gate)
    assert world.execution is not None
    world.execution.note_slow_runs()
    assert world.types == [], "it is not slow yet"

    monkeypatch.setattr("pgdurable_sdk.steps.SLOW_SECONDS", 0.0)
    world.execution.note_slow_runs()
    world.execution.note_slow_runs()
    assert [(row.name, row.outcome) for row in world.rows[1:]] == [("gate", None)]

    closed_gate.open.set()
    assert await world.ending() == returned("through")
    assert [(n.type, n.index, n.value) for n in world.notifications] == [(RUN, 1, b'"through"')]
    await world.replays()


async def test_a_slow_step_that_was_awaited_is_not_called_forgotten_by_a_replay(
    closed_gate: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pgdurable_sdk.steps.SLOW_SECONDS", 0.0)
    world = World(passing)
    await started(world, closed_gate)
    assert world.execution is not None
    world.execution.note_slow_runs()
    closed_gate.open.set()
    await world.ending()
    await world.replays()
    assert caplog.records == []


async def test_a_crash_in_a_slow_step_executes_it_again(
    closed_gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgdurable_sdk.steps.SLOW_SECONDS", 0.0)
    world = World(passing)
    await started(world, closed_gate)
    assert world.execution is not None
    assert world.task is not None
    world.execution.note_slow_runs()
    world.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await world.task
    closed_gate.open.set()
    assert await world.finish() == returned("through")
    assert world.types == [RUN]


@steps.handler()
async def never_awaited(ctx: Context) -> str:
    ctx.run_typed("forgotten", note, RunOptions(), "forgotten")
    return "over"


async def test_a_step_that_nobody_awaits_is_executed_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    world = World(never_awaited)
    assert await world.finish() == returned("over")
    assert world.types == [RUN]
    assert calls == ["forgotten"]
    await world.replays()
    assert calls == ["forgotten"]
    assert [record.getMessage() for record in caplog.records] == [
        "Steps/never_awaited returned without awaiting its steps 'forgotten': they are executed, but nobody "
        "sees their results or errors. Write `await ctx.run(...)`"
    ]


@steps.handler()
async def forgets_several(ctx: Context) -> None:
    async def refuse() -> None:
        raise TerminalError("refused")

    ctx.run_typed("refused", refuse)
    ctx.generic_send("Other", "handler", b"")
    ctx.run_typed("noted", note, RunOptions(), 1)


async def test_what_becomes_of_forgotten_steps_is_said(caplog: pytest.LogCaptureFixture) -> None:
    world = World(forgets_several)
    assert await world.finish() == returned(None)
    assert calls == [1]
    assert caplog.records[-1].getMessage() == (
        "Steps/forgets_several: its step 'refused', which it did not await, failed"
    )
    await world.replays()
    assert calls == [1]


async def test_a_forgotten_step_that_fails_is_tried_again() -> None:
    world = risk(ValueError("flaky"))
    world.handler = World(forgets_a_risk).handler
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert ending.message == "flaky"


@steps.handler()
async def forgets_a_risk(ctx: Context) -> None:
    ctx.run_typed("risk", failing, options)


@steps.handler()
async def forgets_beside_a_call(ctx: Context) -> str:
    ctx.generic_call("Other", "handler", b"")
    ctx.run_typed("gate", gate)
    return "over"


async def test_a_cancellation_comes_too_late_when_only_forgotten_steps_are_left(closed_gate: Gate) -> None:
    world = World(forgets_beside_a_call)
    await started(world, closed_gate)
    world.cancel()
    assert await world.ending() == returned("over")
    assert world.types == [EntryType.CALL, RUN], "what it called is not cancelled"
    await world.replays()


@steps.handler()
async def awaited_twice(ctx: Context) -> list[Any]:
    step = ctx.run_typed("step", note, RunOptions(), {"a": 1})
    first, second = await step, await step
    first["a"] = 2
    return [first, second]


async def test_a_future_may_be_awaited_again() -> None:
    world = World(awaited_twice)
    assert await world.finish() == returned([{"a": 2}, {"a": 1}])
    assert calls == [{"a": 1}]


class Fails:
    def __init__(self, error: Exception) -> None:
        self.error = error

    async def __call__(self) -> None:
        calls.append("tried")
        raise self.error


failing: Any = None
options: RunOptions[Any] = RunOptions()


@steps.handler()
async def risky(ctx: Context) -> Any:
    try:
        return await ctx.run_typed("risk", failing, options)
    except TerminalError as error:
        return f"{error.status_code} {error.message} {error.metadata}"


def risk(error: Exception, **fields: Any) -> World:
    global failing, options
    failing, options = Fails(error), RunOptions(**fields)
    return World(risky)


async def test_an_error_in_a_step_fails_the_attempt() -> None:
    world = risk(ValueError("flaky"))
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert (ending.code, ending.message, ending.retry_after) == (500, "flaky", None)
    assert (ending.related_index, ending.related_name, ending.related_type) == (1, "risk", RUN)
    assert "raise self.error" in (ending.stacktrace or "")
    assert world.types == [], "the handler cannot catch it, and nothing is journaled"


async def test_a_terminal_error_in_a_step_is_its_result() -> None:
    world = risk(TerminalError("sold out", 409, {"seat": "2B"}))
    assert await world.finish() == returned("409 sold out {'seat': '2B'}")
    assert world.rows[1].outcome == Outcome.FAILURE
    await world.replays()
    assert calls == ["tried"]


async def test_a_terminal_error_is_found_under_what_wraps_it() -> None:
    error = RuntimeError("wrapped")
    error.__cause__ = TerminalError("inner", 400)
    assert await risk(error).finish() == returned("400 inner None")


async def test_a_retryable_error_says_when() -> None:
    ending = await risk(RetryableError("busy", 503, timedelta(seconds=7))).finish()
    assert isinstance(ending, Failed)
    assert (ending.code, ending.retry_after) == (503, timedelta(seconds=7))


@pytest.mark.parametrize(
    ("before", "milliseconds"), [(0, 50), (1, 100), (3, 400), (20, 10_000), (100_000, 10_000)]
)
async def test_the_policy_of_a_step_says_when(before: int, milliseconds: int) -> None:
    world = risk(ValueError("flaky"), retry_interval_factor=2)
    world.retry_count = before
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert ending.retry_after == timedelta(milliseconds=milliseconds)


async def test_an_exhausted_step_fails_for_good() -> None:
    world = risk(ValueError("flaky"), max_attempts=3)
    world.retry_count = 1
    assert isinstance(await world.finish(), Failed)
    world.retry_count = 2
    assert await world.finish() == returned("500 flaky None")
    await world.replays()


async def test_a_step_is_exhausted_by_time_too() -> None:
    world = risk(ValueError("flaky"), max_duration=timedelta(seconds=60))
    world.retry_count, world.retry_seconds = 9, 59.0
    assert isinstance(await world.finish(), Failed)
    world.retry_seconds = 60.0
    assert await world.finish() == returned("500 flaky None")


@steps.handler()
async def taking_its_time(ctx: Context) -> str:
    async def slow() -> None:
        await asyncio.sleep(0.03)
        raise ValueError("flaky")

    try:
        await ctx.run_typed("slow", slow, RunOptions(max_duration=timedelta(seconds=60)))
    except TerminalError:
        return "given up"
    return "never"


async def test_the_longest_duration_includes_the_attempt_that_fails() -> None:
    world = World(taking_its_time)
    world.retry_count, world.retry_seconds = 9, 59.98
    assert await world.finish() == returned("given up")
    world = World(taking_its_time)
    assert isinstance(await world.finish(), Failed), "it is the first failure from which time counts"


@steps.handler()
async def safe_then_risky(ctx: Context) -> Any:
    await ctx.run_typed("safe", note, RunOptions(), 1)
    return await risky(ctx)


async def test_failures_count_from_the_last_progress() -> None:
    world = risk(ValueError("flaky"), max_attempts=3)
    world.handler = World(safe_then_risky).handler
    world.retry_count = 2  # of the first step
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert ending.retry_after == timedelta(milliseconds=50)


@steps.handler()
async def risky_beside(ctx: Context) -> Any:
    failing_step = ctx.run_typed("risk", failing, options)
    await gather(failing_step, ctx.sleep(timedelta(days=1)))


async def test_a_failing_step_beside_the_handler_fails_the_attempt() -> None:
    world = risk(ValueError("flaky"))
    world.handler = World(risky_beside).handler
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert (ending.message, ending.related_index) == ("flaky", 1)


@steps.handler()
async def in_thread(ctx: Context) -> str:
    def blocking() -> str:
        return threading.current_thread().name

    name = await ctx.run_typed("blocking", blocking)
    return "other" if name != threading.current_thread().name else "same"


async def test_a_plain_function_has_a_thread() -> None:
    assert await World(in_thread).finish() == returned("other")


@steps.handler()
async def lambda_around_coroutine(ctx: Context) -> Any:
    return await ctx.run("lambda", lambda: note(5))


async def test_a_lambda_may_return_a_coroutine() -> None:
    assert await World(lambda_around_coroutine).finish() == returned(5)


@steps.handler()
async def with_args(ctx: Context) -> Any:
    return await ctx.run("args", note, args=("given",))


async def test_run_passes_arguments() -> None:
    assert await World(with_args).finish() == returned("given")


class Odd:
    pass


async def odd() -> Any:
    return Odd()


@steps.handler()
async def unserialisable(ctx: Context) -> None:
    await ctx.run_typed("odd", odd)


async def test_a_result_that_cannot_be_stored_is_named() -> None:
    ending = await World(unserialisable).finish()
    assert isinstance(ending, Failed)
    assert "step 'odd'" in ending.message
    assert "Odd" in ending.message


@steps.handler()
async def context_inside(ctx: Context) -> None:
    async def inside() -> None:
        await ctx.sleep(timedelta(seconds=1))

    await ctx.run_typed("inside", inside)


@steps.handler()
async def context_inside_beside(ctx: Context) -> None:
    async def inside() -> None:
        await ctx.sleep(timedelta(seconds=1))

    step = ctx.run_typed("inside", inside)
    ctx.generic_send("Other", "handler", b"")
    await step


@steps.handler()
async def context_inside_thread(ctx: Context) -> None:
    await ctx.run_typed("inside", lambda: ctx.generic_send("Other", "handler", b""))


@pytest.mark.parametrize("function", [context_inside, context_inside_beside, context_inside_thread])
async def test_a_context_is_not_for_use_inside_a_step(function: Any) -> None:
    ending = await World(function).finish()
    assert isinstance(ending, Failed)
    assert "cannot be used inside ctx.run" in ending.message


async def test_an_attempt_that_lost_its_invocation_goes_no_further() -> None:
    async def lose_it(ctx: Context) -> None:
        async def step() -> None:
            calls.append("first")
            world.lost = True

        await ctx.run_typed("first", step)
        calls.append("after it")

    world = World(Service("Loser").handler()(lose_it))
    with pytest.raises(AttemptLost):
        await world.finish()
    assert calls == ["first"]


async def test_an_attempt_that_lost_its_invocation_begins_no_step() -> None:
    world = World(three)
    world.lost = True
    with pytest.raises(AttemptLost):
        await world.finish()
    assert calls == []


@pytest.mark.parametrize("beside", [False, True])
async def test_an_attempt_that_is_lost_meanwhile_begins_no_step_beside(beside: bool) -> None:
    async def lose_it(ctx: Context) -> None:
        first = ctx.run_typed("first", note, RunOptions(), 1)
        second = ctx.run_typed("second", note, RunOptions(), 2)
        world.lost = True
        await (gather(first, second) if beside else first)

    world = World(Service("Loser").handler()(lose_it))
    with pytest.raises(AttemptLost):
        await world.finish()
    assert calls == []


async def test_run_journals_the_time() -> None:
    @Service("Clock").handler()
    async def now(ctx: Context) -> float:
        return await ctx.time()

    world = World(now)
    await world.finish()
    await world.replays()
    assert world.types == [RUN]
