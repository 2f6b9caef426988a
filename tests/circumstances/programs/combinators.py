"""Combinators, and the order in which their handlers see results: once seen, the same in each replay."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgdurable import (
    Context,
    DurableFuture,
    RunOptions,
    Service,
    TerminalError,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
    all_settled,
    all_succeeded,
    any_succeeded,
    as_completed,
    gather,
    race,
    select,
    wait_completed,
)
from tests.circumstances import targets
from tests.circumstances.catalogue import program
from tests.circumstances.telling import GATE, QUICK, attempt, doing, gate, saw, tell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.circumstances.report import Report
    from tests.circumstances.run import Run

together = Service("Together", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
mixed = Workflow("Mixed", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [together, mixed]

NEVER = timedelta(hours=1)
SOON = timedelta(milliseconds=5)


def saw_one_order(report: Report) -> None:
    """Each attempt saw the beginning of what the last one saw: nothing more, nothing else."""
    assert report.saw
    longest = max(report.saw, key=len)
    assert all(seen == longest[: len(seen)] for seen in report.saw), report.saw


async def awakeables(ctx: Context, tag: str, names: str) -> dict[str, DurableFuture[str]]:
    """One for each letter, whose ids the outside knows then."""
    made = {name: ctx.awakeable(type_hint=str) for name in names}
    await ctx.run_typed(
        "hand out", tell, RunOptions(), tag, "ids", {name: id for name, (id, _) in made.items()}
    )
    return {name: future for name, (_, future) in made.items()}


HANDED = "Run hand out"


def resolving(before: str, *after: str) -> Callable[[Run], Awaitable[Any]]:
    """Resolve awakeables in this order, in one batch before the crash, and in others after it. A capital
    letter is rejected. The program stands at its gate when it is killed.
    """

    async def outside(run: Run) -> Any:
        await run.begin()
        ids = await run.told("ids")
        await run.told("gate")
        for name in before:
            await complete(run, ids[name.lower()], name)
        await run.crash()
        for batch in after:
            await run.told("waits")
            for name in batch:
                await complete(run, ids[name.lower()], name)
        return await run.outcome()

    return outside


async def complete(run: Run, id: str, name: str) -> None:
    if name.islower():
        assert (await run.post(f"/restate/awakeables/{id}/resolve", name)).status_code == 202
    else:
        assert run.database.value("select pgdurable.reject_awakeable(%s, %s, 418)", id, name) == "accepted"


async def outcome_of(future: Awaitable[Any]) -> Any:
    try:
        return await future
    except TerminalError as error:
        return f"{error.status_code} {error.message}"


# -- in the order of what comes


@program(
    together.handler(),
    returns=["d", "b", "E", "a", "c"],
    journal=[HANDED, *GATE],
    outside=resolving("dbE", "ac"),
    check=saw_one_order,
)
async def as_they_complete(ctx: Context, tag: str) -> list[str]:
    futures = await awakeables(ctx, tag, "abcde")
    names = {id(future): name for name, future in futures.items()}
    await gate(ctx, tag)
    seen: list[str] = []
    async for future in as_completed(*futures.values()):
        failed = (await outcome_of(future)).startswith("418")
        seen.append(names[id(future)].upper() if failed else names[id(future)])
        saw(tag, list(seen))
        if len(seen) == 3:
            tell(tag, "waits", None)
    return seen


@program(
    together.handler(),
    returns=["b", "a", "c"],
    journal=[HANDED, *GATE, "Run seen", *GATE, "Run seen", "Run seen"],
    outside=resolving("bac"),
    check=saw_one_order,
    did={"b": 1, "a": 1, "c": 1},
)
async def the_order_seen_is_the_order_kept(ctx: Context, tag: str) -> list[str]:
    """Each result is acted upon before the next is taken, with a crash in between."""
    futures = await awakeables(ctx, tag, "abc")
    await gate(ctx, tag)
    seen: list[str] = []
    async for future in as_completed(*futures.values()):
        seen.append(await future)
        saw(tag, list(seen))
        await ctx.run_typed("seen", doing, RunOptions(), tag, seen[-1])
        if len(seen) == 1:
            await gate(ctx, tag)
    return seen


@program(
    together.handler(),
    returns=[["c", "c"], [["c"], ["a", "b"]], "c", ["C", "418 A"], ["c", "b"]],
    journal=[HANDED, *GATE],
    outside=resolving("c", "Ab"),
    check=saw_one_order,
)
async def the_first_of_several(ctx: Context, tag: str) -> list[Any]:
    futures = await awakeables(ctx, tag, "abc")
    names = {id(future): name for name, future in futures.items()}
    a, b, c = futures.values()
    await gate(ctx, tag)
    seen: list[Any] = [await select(**futures)]
    done, pending = await wait_completed(a, b, c)
    seen.append([[names[id(f)] for f in done], [names[id(f)] for f in pending]])
    seen.append(await race(a, b, c))
    saw(tag, list(seen))
    tell(tag, "waits", None)
    seen.append([(await c).upper(), await outcome_of(select(a=a, b=b))])
    saw(tag, list(seen))
    seen.append([await any_succeeded(a, c, b), await any_succeeded(a, b)])
    return seen


@program(
    together.handler(),
    returns=[["a", "418 B", "c"], "418 B", ["a", "c"], "418 B", ["a", "418 B", "c"], [], []],
    journal=[HANDED, *GATE],
    outside=resolving("a", "Bc"),
)
async def all_of_several(ctx: Context, tag: str) -> list[Any]:
    a, b, c = (await awakeables(ctx, tag, "abc")).values()
    await gate(ctx, tag)
    tell(tag, "waits", None)
    settled = await gather(a, b, c)
    return [
        [await outcome_of(future) for future in settled],
        await outcome_of(all_succeeded(a, b, c)),
        await all_succeeded(a, c),
        await outcome_of(any_succeeded(b)),
        [await outcome_of(future) for future in await all_settled(a, b, c)],
        await gather(),
        await all_succeeded(),
    ]


@program(
    together.handler(),
    returns=["418 B", "418 A", "c"],
    journal=[HANDED, *GATE],
    outside=resolving("B", "Ac"),
)
async def failures_end_what_cannot_succeed(ctx: Context, tag: str) -> list[Any]:
    """The first failure of all, the last one of any; who was not needed then, completes later."""
    a, b, c = (await awakeables(ctx, tag, "abc")).values()
    await gate(ctx, tag)
    first = await outcome_of(all_succeeded(a, b, c))
    tell(tag, "waits", None)
    last = await outcome_of(any_succeeded(b, a))
    return [first, last, await c]


@program(
    together.handler(),
    returns=[["inner", "b"], ["a", "b", "c", "d"], "418 E", 1],
    journal=[HANDED, *GATE, "Sleep"],
    outside=resolving("b", "Ead", "c"),
)
async def trees_of_them(ctx: Context, tag: str) -> list[Any]:
    """Three deep."""
    a, b, c, d, e = (await awakeables(ctx, tag, "abcde")).values()
    await gate(ctx, tag)
    timer = ctx.sleep(NEVER)
    inner = all_succeeded(gather(b), select(x=b, y=a))
    name, _ = await select(outer=gather(a, race(c, d)), inner=inner, timer=timer)
    tell(tag, "waits", None)
    failing = await outcome_of(race(all_succeeded(c, any_succeeded(e, timer)), all_succeeded(e, d)))
    everything = gather(gather(a, b), gather(c, d))
    pairs = await everything.map(lambda both: [future.result() for future in both])
    flat = [one.result() for pair in pairs for one in pair]
    depth = await race(race(race(a.map(len), timer), timer), timer)
    return [[name, await b], flat, failing, depth]


async def resolving_first(run: Run) -> Any:
    """Before the gate is reached, as the program awaits them before it."""
    await run.begin()
    ids = await run.told("ids")
    await run.waits()
    for name in "aB":
        await complete(run, ids[name.lower()], name)
    await run.told("gate")
    await run.crash()
    return await run.outcome()


@program(
    together.handler(),
    returns=["A!", "A!", "418 B", "418 B", "a", True],
    journal=[HANDED, *GATE],
    outside=resolving_first,
)
async def awaited_twice(ctx: Context, tag: str) -> list[Any]:
    a, b = (await awakeables(ctx, tag, "ab")).values()
    louder = a.map(lambda text: text.upper() + "!")
    twice = [await louder, await louder, await outcome_of(b), await outcome_of(b), await a]
    await gate(ctx, tag)
    assert [await louder, await louder, await outcome_of(b), await outcome_of(b), await a] == twice
    same, again = await gather(a, a)
    return [*twice, await same == await again]


@program(
    together.handler(),
    returns=["408", "in time", "loser", ["timer", None]],
    journal=["Call Echo/hold", "Sleep", *GATE, "Sleep", "SendSignal release", "Sleep"],
)
async def timeouts_and_losers(ctx: Context, tag: str) -> list[Any]:
    """Who loses a race goes on, and its result is there for who asks later."""
    call = ctx.service_call(targets.hold, tag)
    try:
        await call.or_timeout(SOON)
        said: list[Any] = ["in time?"]
    except TerminalError as error:
        said = [str(error.status_code)]
    await gate(ctx, tag)
    late = call.or_timeout(NEVER)
    ctx.resolve_signal(await call.invocation_id(), "release", "loser")
    said += ["in time" if await late == "loser" else "late", await call]
    said.append(await select(timer=ctx.sleep(SOON), never=ctx.signal("never")))
    return said


# -- all kinds of results together


async def mixing(run: Run) -> Any:
    """One result of each kind, some before the crash and some after it."""
    await run.begin()
    id, held = await run.told("awakeable"), await run.told("held")
    await run.told("gate")
    await run.post("/Echo/signal", [run.id, "news", "signal"])
    await run.post(f"/restate/awakeables/{id}/resolve", "awakeable")
    await run.crash()
    await run.told("saw", 4)
    await run.post("/Echo/signal", [held, "release", "call"])
    await run.told("saw", 5)
    await run.post(f"/Mixed/{run.tag}/give", "promise")
    return await run.outcome()


@program(
    mixed.main(),
    returns=[["awakeable", "call", "promise", "run", "signal", "sleep"], True],
    journal=[
        *("Call Echo/hold", "GetPromise given", "Run tell", "Run effect", *GATE, "Sleep"),
    ],
    outside=mixing,
    check=saw_one_order,
)
async def of_all_kinds(ctx: WorkflowContext, tag: str) -> list[Any]:
    id, awakeable = ctx.awakeable()
    futures: list[DurableFuture[Any]] = [
        ctx.service_call(targets.hold, tag),
        ctx.promise("given").value(),
        awakeable,
        ctx.signal("news"),
    ]
    await ctx.run_typed("tell", tell, RunOptions(), tag, "awakeable", id)
    futures.append(ctx.run_typed("effect", doing, RunOptions(), tag, "run"))
    await gate(ctx, tag)
    futures.append(ctx.sleep(timedelta(milliseconds=20)).map(lambda _: "sleep"))
    seen: list[str] = []
    async for future in as_completed(*futures):
        seen.append(await future)
        saw(tag, list(seen))
    everything = await all_succeeded(*futures)
    return [sorted(seen), sorted(everything) == sorted(seen)]


@mixed.handler()
async def give(ctx: WorkflowSharedContext, value: str) -> None:
    await ctx.promise("given").resolve(value)
