"""A conversation as state of a virtual object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pgdurable.ext.current import restate_object_context
from pgdurable.ext.extras import needs
from pgdurable_sdk.extensions import in_turn

with needs("agents", extra="openai"):
    from agents.memory.session import SessionABC

if TYPE_CHECKING:
    from agents.items import TResponseInputItem

__all__ = ["RestateSession"]

ITEMS = "items"


class RestateSession(SessionABC):
    """The conversation of a virtual object's key, in its state ``items``.

    For one run: what is added is written when `flush` is called, as `DurableRunner` does at the end.
    """

    def __init__(self) -> None:
        self._items: list[TResponseInputItem] | None = None
        self._changed = False

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The items, from the oldest on: all of them, or the newest ``limit``."""
        items = await self._loaded()
        return list(items if limit is None else items[len(items) - min(limit, len(items)) :])

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add these as the newest."""
        (await self._loaded()).extend(items)
        self._changed = True

    async def pop_item(self) -> TResponseInputItem | None:
        """Remove the newest; None if there is none."""
        items = await self._loaded()
        self._changed = self._changed or bool(items)
        return items.pop() if items else None

    async def clear_session(self) -> None:
        """Forget all of it."""
        self._items = []
        self._changed = True

    def flush(self) -> None:
        """Write what has changed."""
        if self._changed:
            restate_object_context().set(ITEMS, self._items)
            self._changed = False

    async def _loaded(self) -> list[TResponseInputItem]:
        if self._items is None:
            with in_turn():
                found: list[Any] | None = await restate_object_context().get(ITEMS)
            self._items = cast("list[TResponseInputItem]", found or [])
        return self._items
