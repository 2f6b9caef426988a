"""How long to wait before what has crashed is started again."""

from __future__ import annotations

__all__ = ["Restarts"]

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
STABLE_SECONDS = 30.0


class Restarts:
    """Pauses that double as long as what is started does not last."""

    def __init__(self) -> None:
        self._pause = 0.0

    def pause_after(self, lived: float) -> float:
        """Seconds to wait after a crash of what had lived for so many seconds."""
        again = self._pause > 0 and lived <= STABLE_SECONDS
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS) if again else FIRST_PAUSE_SECONDS
        return self._pause
