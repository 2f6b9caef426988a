"""The circumstances that every program has to live with."""

from __future__ import annotations

from enum import Enum


class Circumstance(Enum):
    """What a program has to live with."""

    FIRST_RUN = "first run"
    """One process does it all, and has patience with whoever waits."""
    REPLAY = "replay"
    """The same, but each attempt ends where it awaits something, and the next one replays it."""
    CRASH = "crash"
    """The worker is killed, and another one goes on."""
    APART = "apart"
    """Callers, targets and the ingress are three processes."""
