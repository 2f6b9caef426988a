"""Assistant, an object for each conversation. It asks the model, does what that wants, and asks again.

Each reply of the model and each result of a tool is journaled: a crash in the tenth step costs that step, not
the nine before it, and no ticket is bought twice.
"""

from dataclasses import dataclass
from datetime import timedelta

from pgdurable import (
    DurableFuture,
    ObjectContext,
    ObjectSharedContext,
    RunOptions,
    TerminalError,
    VirtualObject,
    gather,
)

from . import model, tools
from .model import Message, Reply, ToolCall

assistant = VirtualObject("Assistant")

MAX_STEPS = 6
MAX_TOKENS = 5000
PATIENCE_FOR_PEOPLE = timedelta(days=1)

# Models are overloaded for seconds, not for days.
MODEL = RunOptions[Reply](initial_retry_interval=timedelta(milliseconds=200), max_attempts=8)


@dataclass(frozen=True)
class Approval:
    """What somebody has to allow, and the awakeable that takes the answer."""

    question: str
    awakeable: str


@dataclass(frozen=True)
class Status:
    """What a conversation is at."""

    messages: int
    busy: bool
    approval: Approval | None


@assistant.handler()
async def ask(ctx: ObjectContext, question: str) -> str:
    """Answer, with all in mind that was said before. One question at a time, in order."""
    before = await conversation(ctx)
    ctx.set("invocation", ctx.request().id)
    try:
        answer = await think(ctx, [*before, Message("user", question)])
    except TerminalError:  # also when it was stopped: as if it had never been asked
        ctx.set("messages", before)
        ctx.clear("approval")
        ctx.clear("invocation")
        raise
    ctx.clear("invocation")
    return answer


async def think(ctx: ObjectContext, messages: list[Message]) -> str:
    """The loop that makes a model an agent. It ends with an answer, or when enough was spent."""
    tokens = 0
    for step in range(1, MAX_STEPS + 1):
        reply = await ctx.run_typed(f"model, step {step}", model.complete, MODEL, messages)
        messages = [*messages, reply.message]
        ctx.set("messages", messages)
        if not reply.message.tool_calls:
            return reply.message.text
        tokens += reply.tokens
        if tokens > MAX_TOKENS:
            raise TerminalError(f"no answer for {tokens} tokens")
        messages = [*messages, *await use_tools(ctx, reply.message.tool_calls)]
    raise TerminalError(f"no answer in {MAX_STEPS} steps")


async def use_tools(ctx: ObjectContext, calls: list[ToolCall]) -> list[Message]:
    """All that are allowed, at once. What goes wrong the model is told: it may know another way."""
    running: dict[str, DurableFuture[str]] = {}
    for call in calls:
        if call.tool == "weather":
            running[call.id] = ctx.run_typed(f"weather in {call.argument}", tools.weather, city=call.argument)
        elif call.tool == "book" and await allowed(ctx, f"Buy a ticket to {call.argument}?"):
            booking_id = str(ctx.uuid())
            running[call.id] = ctx.run_typed("book", tools.book, city=call.argument, booking_id=booking_id)
    await gather(*running.values())
    return [Message("tool", await outcome(running.get(call.id)), answers=call.id) for call in calls]


async def outcome(result: DurableFuture[str] | None) -> str:
    if result is None:
        return "That is not allowed."
    try:
        return await result
    except TerminalError as error:
        return f"That did not work: {error.message}."


async def allowed(ctx: ObjectContext, question: str) -> bool:
    """Ask a person. Who does not answer within a day has said no."""
    awakeable, answer = ctx.awakeable(type_hint=bool)
    ctx.set("approval", Approval(question, awakeable))  # in real life: a message to somebody's telephone
    try:
        yes = await answer.or_timeout(PATIENCE_FOR_PEOPLE)
    except TerminalError as error:
        if error.status_code != 408:
            raise
        yes = False
    ctx.clear("approval")
    return yes


@assistant.handler(kind="shared")
async def status(ctx: ObjectSharedContext) -> Status:
    """Answers at any time, also while a question is thought about."""
    return Status(
        messages=len(await conversation(ctx)),
        busy=await ctx.get("invocation") is not None,
        approval=await ctx.get("approval", type_hint=Approval),
    )


@assistant.handler(kind="shared")
async def stop(ctx: ObjectSharedContext) -> bool:
    """Cancel the question that is thought about. False if there is none."""
    invocation = await ctx.get("invocation", type_hint=str)
    if invocation is None:
        return False
    ctx.cancel_invocation(invocation)
    return True


async def conversation(ctx: ObjectContext | ObjectSharedContext) -> list[Message]:
    return await ctx.get("messages", type_hint=list[Message]) or []
