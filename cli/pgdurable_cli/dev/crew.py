"""The children that serve one version of the application. When one of them ends, all are replaced."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from pgdurable_cli.children.channel import Loaded, Plan, Start
    from pgdurable_cli.children.group import Children
    from pgdurable_cli.children.process import Child

__all__ = ["Crew", "make_crew"]


async def make_crew(children: Children, plan: Plan, listeners: Sequence[socket.socket | None]) -> Crew:
    """One child for each listener. The first has the admin API, too."""
    first, *others = listeners
    without_admin = msgspec.structs.replace(plan, admin_port=None)
    members = [await children.spawn(plan, first)]
    members += [await children.spawn(without_admin, listener) for listener in others]
    return Crew(children, members)


class Crew:
    """What the supervisor wants of one child, of several."""

    def __init__(self, children: Children, members: Sequence[Child]) -> None:
        self._children = children
        self._members = members

    async def loaded(self) -> Loaded:
        """What the application is. Raises Failure when it cannot be imported."""
        loaded, *_ = await asyncio.gather(*(member.loaded() for member in self._members))
        return loaded

    async def start(self, start: Start) -> None:
        """Have all of them serve. Raises Failure when one cannot."""
        await asyncio.gather(*(member.start(start) for member in self._members))

    async def stop(self) -> None:
        await asyncio.gather(*(self._children.stop(member) for member in self._members))

    async def wait(self) -> None:
        """Return when one of them has ended."""
        ends = [asyncio.create_task(member.wait()) for member in self._members]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    @property
    def ended(self) -> Child | None:
        """One that has ended, if there is one."""
        return next((member for member in self._members if member.has_ended), None)
