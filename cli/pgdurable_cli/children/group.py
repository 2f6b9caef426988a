"""All children of a parent, so that none is left when it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pgdurable_cli.children.process import Child

if TYPE_CHECKING:
    import socket

    from pgdurable_cli.children.channel import Plan

__all__ = ["Children"]


class Children:
    """Those that were started and not yet stopped."""

    def __init__(self) -> None:
        self._children: set[Child] = set()

    async def spawn(self, plan: Plan, listener: socket.socket | None = None) -> Child:
        """As `Child.spawn`."""
        child = await Child.spawn(plan, listener)
        self._children.add(child)
        return child

    async def stop(self, child: Child) -> bool:
        """As `Child.stop`."""
        by_itself = await child.stop()
        self._children.discard(child)
        return by_itself

    async def stop_all(self) -> int:
        """How many had to be killed."""
        stopped = await asyncio.gather(*(self.stop(child) for child in list(self._children)))
        return stopped.count(False)

    def kill_all(self) -> None:
        """Whoever stops them now need not wait."""
        for child in self._children:
            child.kill()
