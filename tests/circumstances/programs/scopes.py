"""Scopes: the same service and key in another one is another object, whoever calls it and however."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pgdurable import Context, ObjectContext, Service, TerminalError, VirtualObject
from tests.circumstances import targets
from tests.circumstances.catalogue import program
from tests.circumstances.telling import GATE, QUICK, attempt, gate, saw

if TYPE_CHECKING:
    from tests.circumstances.report import Report
    from tests.circumstances.run import Run

scopes = Service("Scopes", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
thing = VirtualObject("InAScope", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])
SERVICES = [scopes, thing]

SOON = timedelta(milliseconds=1)
FIRM, OTHER = "acme", "bolt"


@program(
    scopes.handler(),
    returns=[
        [None, FIRM, "pro/bob", "red"],
        [None, FIRM, None, None],
        *(["a"], ["b"], ["c"]),
        [["a", "d"], ["b", "e"], ["c", "f"]],
    ],
    journal=[
        *("Call Echo/where", "Call Echo/where", *(3 * ["Call Counter/Scopes.calls/append"]), *GATE),
        *(3 * ["Call Counter/Scopes.calls/append"]),
    ],
)
async def calls(ctx: Context, tag: str) -> list[Any]:
    """Each scope has state of its own; what is called there knows where it is."""
    firm, other = ctx.scope(FIRM), ctx.scope(OTHER)
    said: list[Any] = [
        await firm.service_call(targets.where, None, limit_key="pro/bob", headers={"color": "red"}),
        msgspec.json.decode(await ctx.generic_call("Echo", "where", b"", scope=FIRM)),
        await ctx.object_call(targets.append, tag, "a"),
        await firm.object_call(targets.append, tag, "b", limit_key="free"),
        await other.object_call(targets.append, tag, "c", headers={"color": "red"}),
    ]
    await gate(ctx, tag)
    return [
        *said,
        [
            await ctx.object_call(targets.append, tag, "d"),
            await firm.object_call(targets.append, tag, "e", limit_key="pro"),
            msgspec.json.decode(
                await ctx.generic_call("Counter", "append", b'"f"', key=tag, scope=OTHER, limit_key="pro")
            ),
        ],
    ]


@program(
    scopes.handler(),
    returns=[["now", "later", "by name"], [], True],
    journal=[
        *(2 * ["OneWayCall Counter/Scopes.sends/append"]),
        *GATE,
        *("AttachInvocation", "OneWayCall Counter/Scopes.sends/append", "AttachInvocation"),
        *("Call Counter/Scopes.sends/items", "Call Counter/Scopes.sends/items"),
        "OneWayCall Echo/effect",
    ],
)
async def sends(ctx: Context, tag: str) -> list[Any]:
    """In order within a scope; one idempotency key is one invocation in each."""
    firm = ctx.scope(FIRM)
    firm.object_send(targets.append, tag, "now", limit_key="pro")
    later = firm.object_send(
        targets.append, tag, "later", send_delay=SOON, idempotency_key=tag, headers={"color": "red"}
    )
    await gate(ctx, tag)
    await ctx.attach_invocation(await later.invocation_id())
    sent = ctx.generic_send("Counter", "append", b'"by name"', key=tag, scope=FIRM, limit_key="pro")
    await ctx.attach_invocation(await sent.invocation_id())
    items = [
        await firm.object_call(targets.items, tag, None),
        await ctx.object_call(targets.items, tag, None),
    ]
    told = firm.service_send(
        targets.effect, [tag, "sent"], limit_key="pro", send_delay=SOON, headers={}, idempotency_key="once"
    )
    return [*items, bool(await told.invocation_id())]


@program(
    scopes.handler(),
    returns=[2, True, 409, [[FIRM, "w"], [OTHER, "w"]]],
    did={"shared": 2},
)
async def one_each(ctx: Context, tag: str) -> list[Any]:
    """Of an idempotency key an invocation, and of a workflow a run."""
    firm, other = ctx.scope(FIRM), ctx.scope(OTHER)
    effects = [
        each.service_call(targets.effect, [tag, "shared"], idempotency_key=tag)
        for each in (firm, firm, other)
    ]
    ids = [await effect.invocation_id() for effect in effects]
    runs = [
        firm.workflow_call(targets.run_once, tag, None, limit_key="pro"),
        other.workflow_call(targets.run_once, tag, None, headers={"a": "b"}),
    ]
    await gate(ctx, tag)
    ran = [await run for run in runs]
    firm.workflow_send(targets.run_once, tag, None, send_delay=SOON, limit_key="free", headers={"a": "b"})
    other.workflow_call(targets.ask, tag, None, idempotency_key="ask")
    other.workflow_send(targets.ask, tag, None, idempotency_key="ask")
    firm.object_call(targets.items, tag, None, idempotency_key="ask")
    try:
        await firm.workflow_call(targets.run_once, tag, None)
    except TerminalError as error:
        said = error.status_code
    else:
        said = 200
    values = [await effect for effect in effects]
    return [len(set(ids)), values[0] == values[1] != values[2], said, [[scope, "w"] for scope, _ in ran]]


# -- from outside


async def in_a_scope(run: Run) -> Any:
    """Started and asked for over HTTP, in a scope; beside it the same key without one."""
    path = f"{run.path.removeprefix('/')}"
    limited = {"x-restate-limit-key": "pro/bob"}
    answer = await run.post(f"/restate/scope/{FIRM}/send/{path}?limit-key=lost", run.tag, **limited)
    run.id = answer.json()["invocationId"]
    await run.told("gate")
    await run.crash()
    came = await run.outcome()
    alone = await run.post(f"/restate/call/InAScope/{run.tag}/add", 1)
    target = {
        "service": "InAScope",
        "key": run.tag,
        "handler": "add",
        "idempotencyKey": "once",
        "scope": FIRM,
    }
    added = await run.post(
        f"/restate/scope/{FIRM}/call/InAScope/{run.tag}/add", 1, **{"idempotency-key": "once"}
    )
    asked = await run.post("/restate/output", {"target": "idempotentInvocation"} | target)
    found = await run.post("/restate/lookup", {"target": "idempotentInvocation"} | target)
    unscoped = {"target": "idempotentInvocation"} | target | {"scope": None}
    nobody = await run.post("/restate/output", unscoped)
    rows = run.database.rows(
        "select scope, limit_key, target from pgdurable.sys_invocation"
        " where id = any (%s) order by created_at",
        [run.id, found.json()["invocationId"]],
    )
    return [came, alone.json(), added.json(), asked.json(), nobody.status_code, [list(row) for row in rows]]


def saw_its_scope(report: Report) -> None:
    assert {tuple(seen) for seen in report.saw} == {(FIRM, "pro/bob", "InAScope.knows_where_it_is")}


@program(
    thing.handler(),
    returns=[
        [FIRM, "pro/bob", 5],
        *(1, 6, 6, 404),
        [
            [FIRM, "pro/bob", "InAScope/InAScope.knows_where_it_is/knows_where_it_is"],
            [FIRM, None, "InAScope/InAScope.knows_where_it_is/add"],
        ],
    ],
    outside=in_a_scope,
    check=saw_its_scope,
)
async def knows_where_it_is(ctx: ObjectContext, tag: str) -> list[Any]:
    """In each attempt, also in that of another process."""
    request = ctx.request()
    saw(tag, [request.scope, request.limit_key, ctx.key()])
    ctx.set("count", 5)
    await gate(ctx, tag)
    return [request.scope, request.limit_key, await ctx.get("count", type_hint=int)]


@thing.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    count = (await ctx.get("count", type_hint=int) or 0) + amount
    ctx.set("count", count)
    return count
