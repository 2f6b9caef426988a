"""Awakeables: an id goes out, a value comes back, once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pgdurable import Context, RunOptions, Service, TerminalError
from pgdurable_sdk.serde import BytesSerde
from tests.circumstances import targets
from tests.circumstances.catalogue import Failure, program
from tests.circumstances.telling import GATE, QUICK, attempt, gate, tell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import DurableFuture
    from tests.circumstances.catalogue import Outside
    from tests.circumstances.run import Run

awakeables = Service("Awakeables", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [awakeables]


@dataclass
class Approval:
    by: str
    amount: int


def when_told(*resolve: Callable[[Run, str], Awaitable[None]]) -> Outside:
    """It hands its id out and waits; the worker is killed; then this is done with the id."""

    async def outside(run: Run) -> Any:
        await run.begin()
        id = await run.told("awakeable")
        await run.waits()
        await run.crash()
        for one in resolve:
            await one(run, id)
        return await run.outcome()

    return outside


async def hand_out(ctx: Context, tag: str, **options: Any) -> DurableFuture[Any]:
    id, future = ctx.awakeable(**options)
    await ctx.run_typed("hand out", tell, RunOptions(), tag, "awakeable", id)
    return future


def http(value: Any) -> Callable[[Run, str], Awaitable[None]]:
    async def resolve(run: Run, id: str) -> None:
        assert (await run.post(f"/restate/awakeables/{id}/resolve", value)).status_code == 202

    return resolve


def sql(call: str) -> Callable[[Run, str], Awaitable[None]]:
    async def resolve(run: Run, id: str) -> None:
        assert run.database.value(f"select pgdurable.{call}", id) == "accepted"

    return resolve


async def http_reject(run: Run, id: str) -> None:
    answer = await run.post(f"/restate/awakeables/{id}/reject", "no way")
    assert answer.status_code == 202


@program(
    awakeables.handler(),
    returns={"by": "Mary", "amount": 3},
    journal=["Run hand out"],
    outside=when_told(http({"by": "Mary", "amount": 3})),
)
async def resolved_over_http(ctx: Context, tag: str) -> dict[str, Any]:
    approval = await (await hand_out(ctx, tag, type_hint=Approval))
    assert isinstance(approval, Approval)
    return asdict(approval)


@program(
    awakeables.handler(),
    returns="yes",
    journal=["Run hand out"],
    outside=when_told(sql("resolve_awakeable(%s, '\"yes\"')")),
)
async def resolved_in_sql(ctx: Context, tag: str) -> Any:
    return await (await hand_out(ctx, tag))


@program(
    awakeables.handler(),
    returns="00ff",
    journal=["Run hand out"],
    outside=when_told(sql("resolve_awakeable(%s, bytes => '\\x00ff')")),
)
async def bytes_have_a_serde(ctx: Context, tag: str) -> str:
    raw: bytes = await (await hand_out(ctx, tag, serde=BytesSerde()))
    return raw.hex()


async def by_a_handler(run: Run) -> Any:
    await run.begin()
    id = await run.told("awakeable")
    await run.waits()
    await run.crash()
    assert (await run.post("/Echo/resolve", [id, {"a": 1}])).status_code == 200
    return await run.outcome()


@program(awakeables.handler(), returns={"a": 1}, journal=["Run hand out"], outside=by_a_handler)
async def resolved_by_a_handler(ctx: Context, tag: str) -> Any:
    return await (await hand_out(ctx, tag))


async def rejecting(run: Run) -> Any:
    await run.begin()
    await http_reject(run, await run.told("awakeable"))
    second = await run.told("awakeable", 2)
    await run.crash()
    await run.post("/Echo/reject", [second, "not yet", 418])
    third = await run.told("awakeable", 3)
    await sql("reject_awakeable(%s, 'never', 499)")(run, third)
    return await run.outcome()


@program(
    awakeables.handler(),
    returns=[['"no way"', 500], ["not yet", 418], ["never", 499]],
    journal=3 * ["Run hand out"],
    outside=rejecting,
)
async def rejected(ctx: Context, tag: str) -> list[Any]:
    """Over HTTP, by a handler and in SQL."""
    caught: list[Any] = []
    for _ in range(3):
        try:
            await (await hand_out(ctx, tag))
        except TerminalError as error:
            caught.append([error.message, error.status_code])
    return caught


@program(
    awakeables.handler(),
    fails=Failure(500, '"no way"'),
    journal=["Run hand out"],
    outside=when_told(http_reject),
)
async def rejection_fails_the_invocation(ctx: Context, tag: str) -> Any:
    return await (await hand_out(ctx, tag))


async def early(run: Run) -> Any:
    """Resolved while the handler is at its gate, so before it waits."""
    await run.begin()
    id = await run.told("awakeable")
    await run.told("gate")
    await http("early")(run, id)
    await run.crash()
    return await run.outcome()


@program(awakeables.handler(), returns="early", journal=["Run hand out", *GATE], outside=early)
async def resolved_before_it_is_awaited(ctx: Context, tag: str) -> Any:
    future = await hand_out(ctx, tag)
    await gate(ctx, tag)
    return await future


async def too_often(run: Run) -> Any:
    await run.begin()
    id = await run.told("awakeable")
    await http("first")(run, id)
    await http("second")(run, id)
    await http_reject(run, id)
    await run.told("gate")
    await run.crash()
    came = await run.outcome()
    await http("after the end")(run, id)
    return came


@program(awakeables.handler(), returns=["first", "first"], journal=["Run hand out", *GATE], outside=too_often)
async def the_first_wins(ctx: Context, tag: str) -> list[Any]:
    future = await hand_out(ctx, tag)
    first = await future
    await gate(ctx, tag)
    return [first, await future]


@program(
    awakeables.handler(),
    returns=["mine", None],
    journal=["CompleteAwakeable", "Run gate", "Sleep", "Call Echo/resolve"],
)
async def resolved_by_itself_and_a_call(ctx: Context, tag: str) -> list[Any]:
    own, mine = ctx.awakeable(type_hint=str)
    ctx.resolve_awakeable(own, "mine")
    await gate(ctx, tag)
    other, theirs = ctx.awakeable()
    await ctx.service_call(targets.resolve, [other, None])
    return [await mine, await theirs]


@program(awakeables.handler(), returns=[400, 400], journal=GATE)
async def a_bad_id_is_told_at_once(ctx: Context, tag: str) -> list[int]:
    codes: list[int] = []
    uses: list[Callable[[], None]] = [
        lambda: ctx.resolve_awakeable("sign_1x", 1),
        lambda: ctx.reject_awakeable("nonsense", "no"),
    ]
    for use in uses:
        try:
            use()
        except TerminalError as error:
            codes.append(error.status_code)
    await gate(ctx, tag)
    return codes
