"""PostgreSQL by itself: what it does with the rows of an invocation when there is no engine around it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.looped import Looped
from pgdurable.store.migrate import migrate


class Limit(Looped):
    """The engine's SQL functions, called in batches as the engine calls them.

    The ratio on its line is pgdurable's share of what is possible.
    """

    name: ClassVar[str] = "limit"
    workloads = frozenset({"echo", "steps9"})

    def install(self) -> None:
        """It is part of this checkout."""

    def versions(self) -> Mapping[str, str]:
        """The same as of pgdurable."""
        return {}

    def _command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "benchmarks.apps.limit_app"]

    def _prepare(self, dsn: str) -> None:
        migrate(dsn)
