"""Giving up memory, and what handlers do to prevent it; endings in general."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable_sdk import (
    Context,
    RetryableError,
    Service,
    SuspendedException,
    TerminalError,
    getLogger,
    is_internal_exception,
)
from pgdurable_sdk.handler import Options, handler_of
from pgdurable_sdk.journal.entries import EntryType
from pgdurable_sdk.runtime import AttemptLost, Failed, Suspended
from tests.unit.sdk.world import ID, World, failed, returned

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

service = Service("Endings")
HOUR = timedelta(hours=1)
log: list[str] = []


@pytest.fixture(autouse=True)
def fresh() -> None:
    log.clear()


@service.handler()
async def sleeper(ctx: Context) -> str:
    try:
        await ctx.sleep(HOUR)
    finally:
        log.append("cleaned up")
    return "rested"


async def test_the_engine_sees_for_how_long_a_handler_waits() -> None:
    world = World(sleeper)
    await world.attempt()
    assert world.execution is not None
    assert world.execution.waiting_since is not None
    world.fire(1)
    assert await world.ending() == returned("rested")
    assert world.execution.waiting_since is None
    assert world.execution.journal_size == 2


async def test_suspending_unwinds_the_handler() -> None:
    world = World(sleeper)
    await world.attempt()
    assert await world.suspended() == Suspended([1], 0)
    assert log == ["cleaned up"]


async def test_suspending_waits_until_the_handler_does() -> None:
    world = World(sleeper)
    await world.attempt()
    assert world.execution is not None
    world.execution.suspend()
    world.fire(1)  # just in time
    assert await world.ending() == returned("rested")


async def test_signals_are_awaited_by_negative_number() -> None:
    @service.handler()
    async def awakeables(ctx: Context) -> Any:
        ctx.awakeable()
        return await ctx.awakeable(type_hint=int)[1]

    world = World(awakeables)
    await world.attempt()
    assert (await world.suspended()).awaiting == [-18]
    world.execution = None
    world.signal(18, b"5")
    assert await world.finish() == returned(5)
    assert world.types == [], "a signal has no command"
    await world.replays()


async def test_named_signals_may_be_anything() -> None:
    @service.handler()
    async def named(ctx: Context) -> list[Any]:
        first, second = ctx.signal("go"), ctx.signal("go")
        return [await second, await first]

    world = World(named)
    await world.attempt()
    assert (await world.suspended()).awaiting is None
    world.execution = None
    world.signal("go", b"1")
    world.signal("go", b"2")
    assert await world.finish() == returned([2, 1])
    await world.replays()


async def test_a_signal_may_come_before_it_is_asked_for() -> None:
    @service.handler()
    async def late(ctx: Context) -> list[Any]:
        await ctx.sleep(HOUR)
        return [await ctx.awakeable()[1], await ctx.signal("go")]

    world = World(late)
    await world.attempt()
    world.signal(17, b"1")
    world.signal("go", b"2")
    world.fire(1)
    assert await world.ending() == returned([1, 2])
    await world.replays()


@service.handler()
async def swallows(ctx: Context) -> str:
    try:
        await ctx.sleep(HOUR)
    except BaseException:  # noqa: BLE001
        return "swallowed"
    return "rested"


@service.handler()
async def swallows_and_goes_on(ctx: Context) -> None:
    try:
        await ctx.sleep(HOUR)
    except BaseException:  # noqa: BLE001
        ctx.generic_send("Other", "handler", b"")


@service.handler()
async def converts(ctx: Context) -> None:
    try:
        await ctx.sleep(HOUR)
    except BaseException as error:
        raise TerminalError("failed") from error


@pytest.mark.parametrize("function", [swallows, converts])
async def test_swallowing_the_suspension_is_explained(function: Any) -> None:
    world = World(function)
    await world.attempt()
    assert world.execution is not None
    world.execution.suspend()
    ending = await world.ending()
    assert isinstance(ending, Failed)
    assert "swallowed the SuspendedException" in ending.message
    assert "Catch Exception instead" in ending.message


async def test_whoever_swallowed_it_cannot_go_on() -> None:
    world = World(swallows_and_goes_on)
    await world.attempt()
    assert isinstance(await world.suspended(), Suspended)
    assert world.types == [EntryType.SLEEP]


def test_internal_exceptions_are_recognised() -> None:
    assert is_internal_exception(SuspendedException())
    assert not isinstance(SuspendedException(), Exception)
    assert not is_internal_exception(TerminalError("no"))


async def test_errors_end_the_attempt() -> None:
    @service.handler()
    async def broken(ctx: Context) -> None:
        raise KeyError("seat")

    ending = await World(broken).finish()
    assert isinstance(ending, Failed)
    assert (ending.code, ending.message) == (500, "'seat'")
    assert "KeyError" in (ending.stacktrace or "")


async def test_terminal_errors_end_the_invocation() -> None:
    @service.handler()
    async def terminal(ctx: Context) -> None:
        try:
            raise TerminalError("sold out", 410, {"seat": "2B"})
        except TerminalError as error:
            raise RuntimeError("wrapped") from error

    ending = await World(terminal).finish()
    assert ending.value == b'{"code":410,"message":"sold out","metadata":{"seat":"2B"}}'  # type: ignore[union-attr]  # pyright: ignore


async def test_retryable_errors_say_when() -> None:
    @service.handler()
    async def busy(ctx: Context) -> None:
        raise RetryableError("busy", 503, HOUR)

    ending = await World(busy).finish()
    assert isinstance(ending, Failed)
    assert (ending.code, ending.retry_after) == (503, HOUR)


async def test_unknown_targets_fail_the_attempt() -> None:
    @service.handler()
    async def calls(ctx: Context) -> None:
        try:
            await ctx.generic_call("Nobody", "home", b"")
        except Exception:  # noqa: BLE001
            log.append("caught")

    world = World(calls)
    world.unknown_targets = True
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert (ending.message, ending.related_index, log) == ("there is no Nobody/home", 1, [])
    assert world.execution is not None
    assert world.execution.journal_size == 1


class Odd:
    pass


async def test_an_unserialisable_result_is_named() -> None:
    @service.handler()
    async def odd(ctx: Context) -> Any:
        return Odd()

    ending = await World(odd).finish()
    assert isinstance(ending, Failed)
    assert "the result of Endings/odd" in ending.message
    assert "Odd" in ending.message


async def test_input_is_checked() -> None:
    @service.handler()
    async def typed(ctx: Context, seats: int) -> int:
        return seats

    assert await World(typed, input=b"3").finish() == returned(3)
    ending = await World(typed, input=b'"three"').finish()
    assert ending == failed(400, "the input of Endings/typed is not int: Expected `int`, got `str`")
    assert await World(typed).finish() == failed(400, "Endings/typed needs an input, int, but got none")


@asynccontextmanager
async def connection() -> AsyncGenerator[None]:
    log.append("open")
    yield
    log.append("closed")


async def test_context_managers_are_around_the_handler() -> None:
    @service.handler(invocation_context_managers=[connection])
    async def inside(ctx: Context) -> None:
        log.append("handler")

    await World(inside).finish()
    assert log == ["open", "handler", "closed"]


async def test_context_managers_of_the_service_are_around_those_of_the_handler() -> None:
    @asynccontextmanager
    async def outer() -> AsyncGenerator[None]:
        log.append("outer")
        yield
        log.append("over")

    @Service("Managed", invocation_context_managers=[outer]).handler(invocation_context_managers=[connection])
    async def inside(ctx: Context) -> None:
        log.append("handler")

    await World(inside).finish()
    assert log == ["outer", "open", "handler", "closed", "over"]
    options = handler_of(inside).options
    assert options.over(Options(invocation_context_managers=[outer])) == options


async def test_a_handler_knows_its_request() -> None:
    @service.handler()
    async def request(ctx: Context, body: str) -> None:
        request = ctx.request()
        log.append(request.id)
        log.append(request.headers["traceparent"])
        assert request.body == b'"body"'
        assert not request.attempt_finished_event.is_set()
        events.append(request.attempt_finished_event)

    events: list[Any] = []
    world = World(request, input=b'"body"')
    await world.finish()
    assert log == ["inv_1cLRJlHhaJ7B4wIepb84sEocuFslTYMY1P", "00"]
    assert events[0].is_set()
    await events[0].wait()
    assert ID.version == 7


async def test_randomness_is_the_same_in_each_replay() -> None:
    @service.handler()
    async def dice(ctx: Context) -> list[Any]:
        return [ctx.random().random(), str(ctx.uuid()), str(ctx.uuid())]

    await World(dice).finish()
    world = World(dice)
    await world.finish()
    await world.replays()


async def test_logs_are_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    logger = getLogger("test.replay")

    @service.handler()
    async def logging(ctx: Context) -> None:
        logger.warning("before")
        await ctx.sleep(HOUR)
        logger.warning("after")

    world = World(logging)
    await world.attempt()
    await world.suspended()
    world.execution = None
    world.fire(1)
    await world.finish()
    assert [record.message for record in caplog.records] == ["before", "after"]


async def test_calls_keep_the_id_they_were_given() -> None:
    @service.handler()
    async def caller(ctx: Context) -> list[str]:
        call = ctx.generic_call("Other", "handler", b"")
        sent = ctx.generic_send("Other", "handler", b"")
        ids = [await call.invocation_id(), await sent.invocation_id()]
        await sent.cancel_invocation()
        await call.cancel_invocation()
        await call
        return ids

    world = World(caller)
    await world.attempt()
    assert world.commits == 2, "an id that is told to others exists"
    world.complete(1, b"")
    await world.ending()
    await world.replays()
    assert world.children == 2
    assert [row.target_id for row in world.rows[3:]] == [world.rows[2].target_id, world.rows[1].target_id]


async def test_a_result_on_its_way_is_waited_for() -> None:
    """Its step is done; to suspend now would only mean to be woken at once."""

    @service.handler()
    async def stepping(ctx: Context) -> int:
        async def two() -> int:
            return 2

        step = ctx.run_typed("two", two)
        ctx.generic_send("Other", "handler", b"")
        return await step

    class Slow(World):
        def propose(self, index: int, outcome: Any, value: bytes | None) -> None:
            self.proposal = (index, value, outcome)

    world = Slow(stepping)
    start = asyncio.create_task(world.attempt())
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.execution is not None
    world.execution.suspend()
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.task is not None
    assert not world.task.done()
    assert world.execution.waiting_since is None
    world.complete(*world.proposal)
    await start
    assert await world.ending() == returned(2)


async def test_a_step_that_cancels_itself_fails_the_attempt() -> None:
    @service.handler()
    async def cancelling(ctx: Context) -> Any:
        async def cancels() -> None:
            raise asyncio.CancelledError

        step = ctx.run_typed("cancels", cancels)
        ctx.generic_send("Other", "handler", b"")
        return await step

    assert isinstance(await World(cancelling).finish(), Failed)


async def test_a_lost_lease_is_the_handlers_business_not_the_sweepers() -> None:
    reached = asyncio.Event()

    @service.handler()
    async def endless(ctx: Context) -> None:
        async def forever() -> None:
            reached.set()
            await asyncio.sleep(3600)

        await ctx.run_typed("forever", forever)

    class Lost(World):
        def append(self, index: int, seen: int, entry: Any) -> None:
            raise AttemptLost("taken over")

    world = Lost(endless)
    start = asyncio.create_task(world.attempt())
    await reached.wait()
    assert world.execution is not None
    assert world.task is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pgdurable_sdk.steps.SLOW_SECONDS", 0.0)
        world.execution.note_slow_runs()
    world.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await world.task
    await start
