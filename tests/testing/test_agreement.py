"""What handlers and clients do means the same on a database and in memory, replayed at every await or not."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable import (
    Context,
    HttpError,
    ObjectContext,
    ObjectSharedContext,
    Service,
    TerminalError,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
    gather,
    select,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pgdurable.loader import Definition
    from pgdurable.testing import Harness, InMemoryHarness
    from tests.testing.conftest import Serve

HOUR = timedelta(hours=1)


@pytest.fixture(params=[False, True], ids=["", "always_replay"], autouse=True)
def always_replay(request: pytest.FixtureRequest) -> bool:
    replayed: bool = request.param
    return replayed


@pytest.fixture
def engine(serve: Serve, always_replay: bool) -> Serve:
    @asynccontextmanager
    async def served(*services: Definition, **options: Any) -> AsyncGenerator[Harness | InMemoryHarness]:
        async with serve(*services, always_replay=always_replay, **options) as env:
            yield env

    return served


async def test_an_object_runs_one_exclusive_handler_at_a_time_in_the_order_of_arrival(engine: Serve) -> None:
    objects = VirtualObject("Objects")
    inside: list[str] = []

    @objects.handler()
    async def work(ctx: ObjectContext, name: str) -> int:
        await ctx.run("enter", lambda: inside.append(f"{name} in"))
        await ctx.sleep(HOUR)
        await ctx.run("leave", lambda: inside.append(f"{name} out"))
        count = (await ctx.get("count", type_hint=int) or 0) + 1
        ctx.set("count", count)
        return count

    @objects.handler(kind="shared")
    async def count(ctx: ObjectSharedContext) -> int:
        return await ctx.get("count", type_hint=int) or 0

    async with engine(objects) as env:
        sent = [await env.client.object_send(work, "key", name) for name in ("a", "b", "c")]
        await env.advance(1.5 * HOUR)
        assert inside == ["a in", "a out", "b in"]
        assert await env.client.object_call(count, "key", None) == 1
        await env.advance(2 * HOUR)
        assert [await handle.attach() for handle in sent] == [1, 2, 3]
        assert inside == ["a in", "a out", "b in", "b out", "c in", "c out"]
        assert await env.client.state(objects, "key").get("count") == 3


async def test_a_workflow_runs_once_and_its_promise_is_for_everybody(engine: Serve) -> None:
    signups = Workflow("Signups")

    @signups.main()
    async def run(ctx: WorkflowContext, email: str) -> str:
        ctx.set("email", email)
        word = await ctx.promise("clicked", type_hint=str).value()
        return f"{email} clicked {word}"

    @signups.handler()
    async def click(ctx: WorkflowSharedContext, word: str) -> str | None:
        before: str | None = await ctx.promise("clicked", type_hint=str).peek()
        await ctx.promise("clicked", type_hint=str).resolve(word)
        return before

    async with engine(signups) as env:
        handle = await env.client.workflow_send(run, "u1", "u1@example.com")
        again = await env.client.workflow_send(run, "u1", "other@example.com")
        assert (handle.status, again.status) == ("Accepted", "PreviouslyAccepted")
        assert await handle.output() is None
        assert await env.client.workflow_call(click, "u1", "yes") is None
        assert await handle.attach() == "u1@example.com clicked yes"
        with pytest.raises(TerminalError, match="already completed"):
            await env.client.workflow_call(click, "u1", "once more")
        with pytest.raises(TerminalError, match="already invoked"):
            await env.client.workflow_call(run, "u1", "u1@example.com")
        assert await env.client.promise(signups, "u1", "clicked").peek() == "yes"


async def test_awakeables_and_signals_are_given_from_outside_and_inside(engine: Serve) -> None:
    service = Service("Waiting")
    told: list[str] = []

    @service.handler()
    async def wait(ctx: Context) -> list[str]:
        id, future = ctx.awakeable(type_hint=str)
        await ctx.run("tell", lambda: told.append(id))
        return [await future, await ctx.signal("name", type_hint=str)]

    @service.handler()
    async def signal(ctx: Context, id: str) -> None:
        ctx.resolve_signal(id, "name", "a signal")

    async with engine(service) as env:
        handle = await env.client.service_send(wait, None)
        await env.settle()
        await env.client.service_call(signal, handle.invocation_id)
        await env.client.resolve_awakeable(told[0], "an awakeable")
        assert await handle.attach() == ["an awakeable", "a signal"]
        other = await env.client.service_send(wait, None)
        await env.settle()
        await env.client.reject_awakeable(told[1], "nobody is there", 418)
        with pytest.raises(TerminalError, match="nobody is there") as caught:
            await other.attach()
        assert caught.value.status_code == 418


async def test_a_cancellation_goes_down_and_is_compensated(engine: Serve) -> None:
    service = Service("Trip")
    undone: list[str] = []

    @service.handler()
    async def hotel(ctx: Context) -> None:
        try:
            await ctx.sleep(HOUR)
        except TerminalError:
            await ctx.run("undo", lambda: undone.append("hotel"))
            raise

    @service.handler()
    async def book(ctx: Context) -> None:
        try:
            await ctx.service_call(hotel, None)
        except TerminalError as error:
            await ctx.run("undo", undone.append, args=(f"trip {error.status_code}",))
            raise

    async with engine(service) as env:
        handle = await env.client.service_send(book, None)
        await env.settle()
        await handle.cancel()
        with pytest.raises(TerminalError, match=r"cancell?ed"):
            await handle.attach()
        await env.settle()
        assert sorted(undone) == ["hotel", "trip 409"]
        with pytest.raises(HttpError, match="already completed"):
            await handle.cancel()


async def test_kill_pause_and_resume(engine: Serve) -> None:
    objects = VirtualObject("Objects")
    service = Service("Callers")

    @objects.handler()
    async def hold(ctx: ObjectContext) -> str:
        await ctx.sleep(HOUR)
        return "held"

    @service.handler()
    async def call(ctx: Context) -> str:
        return await ctx.object_call(hold, "key", None)

    async with engine(objects, service) as env:
        caller = await env.client.service_send(call, None)
        await env.settle()
        waiting = await env.client.object_send(hold, "key", None)
        await caller.kill()
        with pytest.raises(TerminalError, match="killed"):
            await caller.attach()
        await env.settle()
        await env.client.service_send(call, None)
        await waiting.resume()
        await env.advance(HOUR)
        assert await waiting.attach() == "held"
        with pytest.raises(HttpError, match="already completed"):
            await waiting.pause()


async def test_calls_race_gather_and_are_deduplicated(engine: Serve) -> None:
    service = Service("Workers")
    ran: list[str] = []

    @service.handler()
    async def work(ctx: Context, hours: int) -> int:
        await ctx.run("note", lambda: ran.append(str(hours)))
        await ctx.sleep(hours * HOUR)
        return hours

    @service.handler()
    async def lead(ctx: Context) -> list[Any]:
        first = await select(
            long=ctx.service_call(work, 5), short=ctx.service_call(work, 2), end=ctx.sleep(9 * HOUR)
        )
        twice = [ctx.service_call(work, 1, idempotency_key="once") for _ in range(2)]
        both = await gather(*twice)
        return [first, [await one for one in both]]

    async with engine(service) as env:
        handle = await env.client.service_send(lead, None)
        await env.advance(10 * HOUR)
        assert await handle.attach() == [["short", 2], [1, 1]]
        assert sorted(ran) == ["1", "2", "5"]


async def test_a_call_with_an_idempotency_key_is_made_once(engine: Serve) -> None:
    service = Service("Once")
    ran: list[int] = []

    @service.handler()
    async def once(ctx: Context) -> int:
        await ctx.run("count", ran.append, args=(1,))
        return len(ran)

    async with engine(service) as env:
        results = await asyncio.gather(
            *(env.client.service_call(once, None, idempotency_key="k") for _ in range(3))
        )
        assert results == [1, 1, 1]
        assert await env.client.invocation_of(once, idempotency_key="k").output() == 1


async def test_the_headers_that_a_handler_is_given_are_its_own(engine: Serve) -> None:
    service = Service("Headers")

    @service.handler()
    async def add(ctx: Context, name: str) -> list[str]:
        ctx.request().headers[name] = "of this handler's making"
        return sorted(ctx.request().headers)

    @service.handler()
    async def ask(ctx: Context) -> list[list[str]]:
        return [
            await ctx.service_call(add, "first"),
            await ctx.service_call(add, "second"),
            await ctx.service_call(add, "third", headers={"given": "to it"}),
        ]

    async with engine(service) as env:
        assert await env.client.service_call(ask, None) == [[], [], ["given"]]


async def test_a_scope_has_objects_of_its_own(engine: Serve) -> None:
    carts, shop = VirtualObject("Carts"), Service("Shop")

    @carts.handler()
    async def add(ctx: ObjectContext, item: str) -> list[str]:
        items = [*(await ctx.get("items", type_hint=list[str]) or []), item]
        ctx.set("items", items)
        request = ctx.request()
        return [*items, f"{ctx.key()} {request.scope} {request.limit_key}"]

    @shop.handler()
    async def fill(ctx: Context, scope: str) -> list[list[str]]:
        within = ctx.scope(scope)
        first, second, without = (
            within.object_call(add, "mary", "pen", limit_key="pro"),
            within.object_call(add, "mary", "ink"),
            ctx.object_call(add, "mary", "cup"),
        )
        return [await first, await second, await without]

    async with engine(carts, shop) as env:
        assert await env.client.service_call(fill, "acme") == [
            ["pen", "mary acme pro"],
            ["pen", "ink", "mary acme None"],
            ["cup", "mary None None"],
        ]
        assert await env.client.scope("acme").object_call(add, "mary", "cap") == [
            *["pen", "ink", "cap"],
            "mary acme None",
        ]
        assert await env.client.scope("other").object_call(add, "mary", "cap") == ["cap", "mary other None"]


async def test_a_delayed_send_starts_when_it_is_due_and_can_be_cancelled_before(engine: Serve) -> None:
    service = Service("Later")
    ran: list[str] = []

    @service.handler()
    async def note(ctx: Context, name: str) -> None:
        await ctx.run("note", lambda: ran.append(name))

    async with engine(service) as env:
        await env.client.service_send(note, "in time", send_delay=HOUR)
        never = await env.client.service_send(note, "never", send_delay=HOUR)
        await env.settle()
        assert ran == []
        await never.cancel()
        await env.advance(2 * HOUR)
        assert ran == ["in time"]


async def test_a_step_is_tried_again_and_then_fails_for_good(engine: Serve) -> None:
    service = Service("Steps")
    tries: list[int] = []

    def divide() -> float:
        return 1 / 0

    def flaky() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("not yet")
        return "there"

    @service.handler()
    async def third_time(ctx: Context) -> str:
        return await ctx.run("flaky", flaky, max_attempts=5)

    @service.handler()
    async def never(ctx: Context) -> str:
        try:
            return str(await ctx.run("broken", divide, max_attempts=2))
        except TerminalError as error:
            return f"gave up: {error.message}"

    async with engine(service) as env:
        assert await env.client.service_call(third_time, None) == "there"
        assert await env.client.service_call(never, None) == "gave up: division by zero"


async def test_what_is_not_there_is_refused_in_the_same_words(engine: Serve) -> None:
    service = Service("There")

    @service.handler()
    async def there(ctx: Context) -> None:
        del ctx

    async with engine(service) as env:
        for name, handler, message in (
            ("Nobody", "home", "service 'Nobody' not found"),
            ("There", "nothing", "handler 'nothing' was not found"),
        ):
            with pytest.raises(HttpError, match=message) as caught:
                await env.client.generic_call(name, handler, b"")
            assert caught.value.status_code == 404
        with pytest.raises(HttpError, match="invocation not found"):
            await env.client.invocation_of(there, idempotency_key="unknown").attach()
