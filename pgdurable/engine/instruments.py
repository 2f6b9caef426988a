"""What a test harness holds of a node: its time, its failures, and when it stirs.

Everybody else runs with these, which do nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdurable.engine.attempt import Attempt
    from pgdurable_sdk.port import Failed


class Instruments:
    """A harness overrides what it needs. All of it is called in the event loop."""

    always_replay: bool = False
    """Whether attempts end at every await, to be replayed."""

    def now(self) -> float:
        """The time in seconds since 1970, as the database's clock has it."""
        return time.time()

    def stirred(self) -> None:
        """An attempt began, ended or waits, a batch was committed, or timers fired."""

    def ended(self, attempt: Attempt, failed: Failed | None) -> bool:
        """An attempt is over: by itself, or ``failed``. True: do not try it again, fail the invocation."""
        del attempt, failed
        return False
