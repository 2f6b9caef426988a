"""How large a payload may be, the headers beside it, and a journal. Each is in memory as a whole, in the
handler, the engine and the database.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LIMITS", "MEBIBYTE", "Limits"]

MEBIBYTE: Final = 1024 * 1024

log = logging.getLogger("pgdurable")

_SMALLER: Final = (
    "continue in another invocation (send yourself what is left to do), or raise journal_entries and "
    "journal_bytes in the engine's settings"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Restate's: larger than the one is said in the log, larger than the other is refused. In bytes."""

    warning: int = 10 * MEBIBYTE
    refusal: int = 32 * MEBIBYTE
    entries: int = 50_000
    """Of a journal."""
    stored: int = 256 * MEBIBYTE
    """Bytes of all payloads of a journal, and of the notifications that came."""
    children: int = 10_000
    """Calls that have no result yet."""
    headers: int = 100
    """Of one call or request."""
    header_bytes: int = 64 * 1024
    """Of the names and values of these, together."""

    def full(self, entries: int, stored: int, children: int) -> str | None:
        """What to say of an invocation that wants to journal one more entry, and must not."""
        if entries >= self.entries:
            return f"the journal has {entries} entries, and {self.entries} is the limit: {_SMALLER}"
        if stored > self.stored:
            return f"the journal would be larger than {_shown(self.stored)}, which is the limit: {_SMALLER}"
        if children > self.children:
            return (
                f"it waits for {self.children} calls, which is the limit: await some before you make more, "
                "or raise children in the engine's settings"
            )
        return None

    def weigh_headers(self, headers: Mapping[str, str]) -> str | None:
        """What to say of headers that are more than there may be."""
        if len(headers) > self.headers:
            return f"there are {len(headers)} headers, and {self.headers} is the limit"
        size = sum(len(name.encode()) + len(value.encode()) for name, value in headers.items())
        if size > self.header_bytes:
            return f"the headers have {size} bytes, and {self.header_bytes} is the limit"
        return None

    def weigh(self, size: int, what: str, target: str) -> str | None:
        """What to say of a payload that is refused. One that is only large is said in the log, once for each
        ``what`` of a handler.
        """
        if size > self.refusal:
            return (
                f"{what} is {_shown(size)}, larger than the limit of {_shown(self.refusal)} (RT0003). "
                "Store it elsewhere and pass a reference, or raise payload_limit in the engine's settings"
            )
        if size > self.warning and (target, what) not in _said:
            _said.add((target, what))
            log.warning(
                "%s: %s is %s; payloads of more than %s make everything slow, store them elsewhere",
                *(target, what, _shown(size), _shown(self.warning)),
            )
        return None


LIMITS: Final = Limits()

_said: set[tuple[str, str]] = set()


def _shown(size: int) -> str:
    return f"{size / MEBIBYTE:.4g} MiB" if size >= MEBIBYTE else f"{size} bytes"
