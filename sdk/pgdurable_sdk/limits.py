"""How large a payload may be. Each is in memory as a whole, in the handler, the engine and the database."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

__all__ = ["LIMITS", "MEBIBYTE", "Limits"]

MEBIBYTE: Final = 1024 * 1024

log = logging.getLogger("pgdurable")


@dataclass(frozen=True, slots=True)
class Limits:
    """Restate's: larger than the one is said in the log, larger than the other is refused. In bytes."""

    warning: int = 10 * MEBIBYTE
    refusal: int = 32 * MEBIBYTE

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
