"""Workflows: run once for each key, with promises and shared handlers beside and after the run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgdurable import (
    Context,
    RunOptions,
    Service,
    TerminalError,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from tests.circumstances.catalogue import program
from tests.circumstances.telling import GATE, QUICK, attempt, doing, gate

if TYPE_CHECKING:
    from tests.circumstances.run import Run


def workflow(name: str) -> Workflow:
    return Workflow(name, invocation_retry_policy=QUICK, invocation_context_managers=[attempt])


signup = workflow("Signup")
refused = workflow("Refused")
asking = workflow("Asking")
forgetful = workflow("Forgetful")
starting = Service("Starting", invocation_retry_policy=QUICK, invocation_context_managers=[attempt])


# -- promises and shared handlers


async def sign_up(run: Run) -> Any:
    """Shared handlers before, beside and after the run; each answer in its turn."""
    path = f"/Signup/{run.tag}"

    async def ask(handler: str, body: Any = None) -> Any:
        answer = await run.post(f"{path}/{handler}", body)
        return answer.json() if answer.content else None

    answers = [await ask("status"), await ask("early", "kept")]
    assert (await run.get(f"/restate/workflow{path}/output")).status_code == 404
    await run.begin()
    await run.told("gate")
    answers += [await ask("status"), await ask("peek")]
    assert (await run.get(f"/restate/workflow{path}/output")).status_code == 470
    await run.crash()
    answers += [await ask("click", "secret"), await ask("click", "again")]
    attached = await run.get(f"/restate/workflow{path}/attach")
    answers += [attached.json(), await ask("status"), await ask("peek")]
    assert (await run.get(f"/restate/workflow{path}/output")).json() == attached.json()

    called, sent = await run.post(run.path, run.tag), await run.post(f"{run.path}/send", run.tag)
    answers += [called.status_code, called.json()["message"], sent.status_code, sent.json()["status"]]
    assert sent.json()["invocationId"] == run.id
    return answers


@program(
    signup.main(),
    returns=[
        *(None, "kept", "waiting", None),
        *("secret", {"code": 409, "message": "promise was already completed", "source": "invocation"}),
        *("secret and kept", "done", "secret"),
        *(409, "the workflow method was already invoked", 202, "PreviouslyAccepted"),
    ],
    journal=["SetState status", *GATE, "GetPromise link", "GetPromise early", "SetState status", "Run mail"],
    outside=sign_up,
)
async def signup_run(ctx: WorkflowContext, tag: str) -> str:
    ctx.set("status", "waiting")
    await gate(ctx, tag)
    link = await ctx.promise("link", type_hint=str).value()
    early = await ctx.promise("early", type_hint=str)
    ctx.set("status", "done")
    await ctx.run_typed("mail", doing, RunOptions(), tag, "mail")
    return f"{link} and {early}"


@signup.handler()
async def status(ctx: WorkflowSharedContext) -> str | None:
    return await ctx.get("status", type_hint=str)


@signup.handler()
async def peek(ctx: WorkflowSharedContext) -> str | None:
    return await ctx.promise("link", type_hint=str).peek()


@signup.handler()
async def early(ctx: WorkflowSharedContext, value: str) -> str:
    """Resolved before anybody waits, before there even is a run."""
    await ctx.promise("early").resolve(value)
    return value


@signup.handler()
async def click(ctx: WorkflowSharedContext, secret: str) -> str:
    await ctx.promise("link", type_hint=str).resolve(secret)
    return await ctx.promise("link", type_hint=str).value()


async def refuse(run: Run) -> Any:
    """Promises are rejected by a handler and in SQL; too late is answered with 409, or ``completed``."""
    await run.begin()
    await run.told("gate")
    first = await run.post(f"/Refused/{run.tag}/reject")
    late = await run.post(f"/Refused/{run.tag}/reject")
    await run.crash()
    promise = "(%s, %s, %s, %s, %s)"
    said = [
        run.database.value(
            f"select pgdurable.reject_promise{promise}", "Refused", run.tag, "sql", "never", 499
        )
        for _ in range(2)
    ]
    said.append(
        run.database.value(
            "select pgdurable.resolve_promise(%s, %s, %s, '\"fine\"')", "Refused", run.tag, "resolved"
        )
    )
    return [first.status_code, late.status_code, *said, await run.outcome()]


@program(
    refused.main(),
    returns=[
        *(200, 409, "accepted", "completed", "accepted"),
        [["not you", 403], ["never", 499], ["not you", 403], ["promise was already completed", 409], "fine"],
    ],
    journal=[
        *GATE,
        *("GetPromise handler", "GetPromise sql", "PeekPromise handler"),
        *("CompletePromise sql", "GetPromise resolved"),
    ],
    outside=refuse,
)
async def refused_run(ctx: WorkflowContext, tag: str) -> list[Any]:
    await gate(ctx, tag)
    said: list[Any] = []
    by_handler, in_sql = ctx.promise("handler"), ctx.promise("sql")
    for use in (by_handler.value, in_sql.value, by_handler.peek, lambda: in_sql.resolve("late")):
        try:
            await use()
        except TerminalError as error:
            said.append([error.message, error.status_code])
    return [*said, await ctx.promise("resolved")]


@refused.handler()
async def reject(ctx: WorkflowSharedContext) -> None:
    await ctx.promise("handler").reject("not you", 403)


async def ask_the_run(run: Run) -> Any:
    """Shared handlers wait for what the run gives."""
    await run.begin()
    await run.told("gate")
    waiting = [(await run.post(f"/Asking/{run.tag}/answer/send")).json()["invocationId"] for _ in range(2)]
    await run.crash()
    await run.outcome()
    return [await run.outcome(id) for id in waiting]


@program(
    asking.main(),
    returns=[42, 42],
    journal=[*GATE, "CompletePromise answer", "Sleep", "PeekPromise answer"],
    outside=ask_the_run,
)
async def asking_run(ctx: WorkflowContext, tag: str) -> None:
    await gate(ctx, tag)
    await ctx.promise("answer").resolve(42)
    await ctx.sleep(timedelta(milliseconds=1))
    assert await ctx.promise("answer").peek() == 42


@asking.handler()
async def answer(ctx: WorkflowSharedContext) -> int:
    return await ctx.promise("answer", type_hint=int).value()


# -- once for each key


async def run_twice(run: Run) -> Any:
    """A retention of nothing: the result is for those who wait for it, and then the key is free."""
    first = await run.begin()
    await run.told("gate")
    await run.crash()
    came = [await run.outcome()]
    await run.reaches("completed")
    again = await run.begin()
    assert again == first
    return [*came, await run.outcome()]


@program(
    forgetful.main(workflow_retention=timedelta(0)),
    returns=[None, None],
    journal=["GetEagerState count", "SetState count", *GATE],
    outside=run_twice,
)
async def forgetful_run(ctx: WorkflowContext, tag: str) -> int | None:
    """State goes with the result."""
    count = await ctx.get("count", type_hint=int)
    ctx.set("count", (count or 0) + 1)
    await gate(ctx, tag)
    return count


once = workflow("Once")


@once.main(name="run")
async def once_run(ctx: WorkflowContext, request: list[str]) -> str:
    tag, name = request
    if not name:
        raise TerminalError("a name is missing", 418)
    await ctx.run_typed("ran", doing, RunOptions(), tag, "ran")
    return name


@program(
    starting.handler(),
    returns=["Mary", [409, "the workflow method was already invoked"], True, "Mary", 418],
    journal=[
        *("Call Once/Starting.workflows/run", *GATE, "Call Once/Starting.workflows/run"),
        *("OneWayCall Once/Starting.workflows/run", "AttachInvocation"),
        *("Call Once/Starting.workflows other/run",),
    ],
    did={"ran": 1},
)
async def workflows(ctx: Context, tag: str) -> list[Any]:
    """From a handler: the first call runs it, the second fails, a send changes nothing."""
    first = ctx.workflow_call(once_run, tag, [tag, "Mary"])
    await gate(ctx, tag)
    said: list[Any] = [await first]
    try:
        await ctx.workflow_call(once_run, tag, [tag, "John"])
    except TerminalError as error:
        said.append([error.status_code, error.message])
    sent = ctx.workflow_send(once_run, tag, [tag, "Jane"])
    id = await sent.invocation_id()
    said += [id == await first.invocation_id(), await ctx.attach_invocation(id)]
    try:
        await ctx.workflow_call(once_run, f"{tag} other", [tag, ""])
    except TerminalError as error:
        said.append(error.status_code)
    return said


SERVICES = [signup, refused, asking, forgetful, starting, once]
