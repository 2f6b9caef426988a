"""Which state comes along with the start of a handler: what its worker asks for, as its options say.

Whoever runs a handler knows its options, so the worker sends them with each request for work. Handlers that
want all of their state, which is the default, are not mentioned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdurable.store.rows import PreloadRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgdurable.store.rows import StartRow
    from pgdurable_sdk.handler import Handler


def preloads(handlers: Iterable[Handler]) -> list[PreloadRow]:
    """What to say to SQL."""
    return [
        PreloadRow(handler.service, handler.name, names)
        for handler in handlers
        if handler.keyed and (names := handler.options.preloaded) is not None
    ]


def known_state(row: StartRow, handler: Handler) -> dict[str, bytes | None]:
    """The state that came along. What was asked for and did not come does not exist."""
    if row.state is None:
        return {}
    asked: dict[str, bytes | None] = dict.fromkeys(handler.options.preloaded or ())
    return asked | dict(row.state)
