"""The async shell that drives one attempt of one handler. (Being written: the signatures stand.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdurable_sdk.exceptions import AttemptLost, UnknownTarget
from pgdurable_sdk.port import Completed, Ending, Failed, Port, Start, Suspended

if TYPE_CHECKING:
    from pgdurable_sdk.handler import Handler
    from pgdurable_sdk.journal.entries import Notification

__all__ = [
    "AttemptLost",
    "Completed",
    "Ending",
    "Execution",
    "Failed",
    "Port",
    "Start",
    "Suspended",
    "UnknownTarget",
]


class Execution:
    """One attempt. `run` once, in a task of its own; the rest may be called from the loop at any time
    meanwhile."""

    waiting_since: float | None
    """Loop time since when the handler waits for notifications and for nothing else; None while it does
    something."""

    def __init__(self, handler: Handler, start: Start, port: Port, *, check_payloads: bool = True) -> None:
        raise NotImplementedError

    async def run(self) -> Ending:
        """Run the handler to the end of this attempt. Raises AttemptLost."""
        raise NotImplementedError

    def notify(self, notification: Notification) -> None:
        """The next notification, in the order of ``seq``."""
        raise NotImplementedError

    def suspend(self) -> None:
        """End the attempt as soon as the handler waits for notifications, now if it does."""
        raise NotImplementedError

    def note_slow_runs(self) -> None:
        """Journal the command of a step that has been executing for 50 ms. To be called every 25 ms or so."""
        raise NotImplementedError

    @property
    def journal_size(self) -> int:
        """Entries of the journal, the input included, so also the index of the output."""
        raise NotImplementedError

    @property
    def seen(self) -> int:
        """Notifications the handler was fed."""
        raise NotImplementedError
