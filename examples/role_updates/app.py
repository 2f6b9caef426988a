"""Employee: a role, and what it means in each system. All of them have it or, refused by one, none."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pgdurable
from pgdurable import ObjectContext, ObjectSharedContext, RunOptions, TerminalError, VirtualObject

from . import systems

employee = VirtualObject("Employee")

# Systems are down for a while now and then, so they are asked again. One that stays away has refused.
PATIENTLY = RunOptions[Any](max_duration=timedelta(minutes=5), max_retry_interval=timedelta(seconds=1))
# From taking back there is no way back.
UNTIL_IT_WORKS = RunOptions[Any](max_retry_interval=timedelta(seconds=1))


@dataclass(frozen=True)
class Change:
    """A system that is changed, and what it said before."""

    system: str
    before: str


@employee.handler("setRole")
async def set_role(ctx: ObjectContext, role: str) -> str:
    """Give this employee a role everywhere. Returns the role from before.

    Two updates of one employee never mix, because exclusive handlers of a key run one after the other.
    """
    done: list[Change] = []
    try:
        for system in systems.ALL:
            # A step of its own: asked together with the change, and again after a crash, the system would
            # name the new role as the old one.
            before = await ctx.run_typed(f"{system}: look", systems.current, PATIENTLY, system, ctx.key())
            done.append(Change(system, before))
            await ctx.run_typed(f"{system}: {role}", systems.grant, PATIENTLY, system, ctx.key(), role)
    except TerminalError:
        await take_back(ctx, done)
        raise
    previous = await ctx.get("role", type_hint=str)
    ctx.set("role", role)
    return previous or systems.NOBODY


async def take_back(ctx: ObjectContext, done: list[Change]) -> None:
    """In reverse, with the one that failed: nobody knows how far it came."""
    for change in reversed(done):
        name = f"{change.system}: back to {change.before}"
        await ctx.run_typed(name, systems.grant, UNTIL_IT_WORKS, change.system, ctx.key(), change.before)


@employee.handler(kind="shared")
async def role(ctx: ObjectSharedContext) -> str:
    """The role that holds everywhere. During an update that is the old one."""
    return await ctx.get("role", type_hint=str) or systems.NOBODY


app = pgdurable.app([employee])
