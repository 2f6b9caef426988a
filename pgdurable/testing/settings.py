"""How the engine behaves in tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from pgdurable.config import Settings

SETTINGS: Final = Settings(
    drain=0.0,
    retry=replace(
        Settings().retry,
        initial_interval=timedelta(milliseconds=10),
        max_attempts=5,
        on_max_attempts="kill",
    ),
)
"""As in production, but for two things: a bug fails the test soon, instead of being retried for an hour; and
what still runs at the end of a test is not waited for."""
