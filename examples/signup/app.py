"""Signup: a workflow that asks for a click on a link, reminds, and gives up in the end."""

from dataclasses import dataclass
from datetime import timedelta

import pgdurable
from pgdurable import TerminalError, Workflow, WorkflowContext, WorkflowSharedContext, select

from . import mail

signup = Workflow("Signup")


@dataclass(frozen=True)
class Registration:
    """Who signs up. In JSON, durations are written as in ISO 8601: "P1D", "PT5S"."""

    email: str
    remind_after: timedelta = timedelta(days=1)
    reminders: int = 2


@signup.main()
async def run(ctx: WorkflowContext, new: Registration) -> str:
    """From the first mail to the welcome. Runs once for each key, and waits for days if it must."""
    token = str(ctx.uuid())  # the same in every attempt
    ctx.set("token", token)
    ctx.set("status", "waiting for a click")
    if not await clicked(ctx, new, token):
        ctx.set("status", "expired")
        raise TerminalError(f"{new.email} was not confirmed", 410)
    ctx.set("status", "confirmed")
    await send_mail(ctx, new, "Welcome!", "It is good to have you here.")
    return f"{new.email} is confirmed"


async def clicked(ctx: WorkflowContext, new: Registration, token: str) -> bool:
    """Ask for the click and remind of it. False when nobody has clicked by then."""
    promise = ctx.promise("clicked", type_hint=bool)
    click = promise.value()
    for subject in ["Please confirm your address", *["Reminder"] * new.reminders]:
        await send_mail(ctx, new, subject, f"your token is {token}")
        first, _ = await select(click=click, timeout=ctx.sleep(new.remind_after))
        if first == "click":
            return True
    try:
        # From now on a click gets this error. A promise is completed once: it decides who was first.
        await promise.reject("this link has expired", 410)
    except TerminalError:
        return True  # the click was faster
    return False


async def send_mail(ctx: WorkflowContext, new: Registration, subject: str, text: str) -> None:
    await ctx.run_typed(f"mail: {subject}", mail.send, to=new.email, subject=subject, text=text)


@signup.handler()
async def click(ctx: WorkflowSharedContext, token: str) -> str:
    """The link in the mail. People click twice, so that is no error."""
    if token != await ctx.get("token", type_hint=str):
        raise TerminalError("this is not the link that was sent", 403)
    promise = ctx.promise("clicked", type_hint=bool)
    if not await promise.peek():
        await promise.resolve(True)
    return "thank you"


@signup.handler()
async def status(ctx: WorkflowSharedContext) -> str:
    """How far it is. Shared handlers answer while `run` waits, and after it has ended."""
    return await ctx.get("status", type_hint=str) or "unknown"


app = pgdurable.app([signup])
