"""DBOS: workflows and steps in PostgreSQL, from PyPI, in the environment that the suite makes for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from benchmarks.install import virtual_environment
from benchmarks.peers.looped import APPS, Looped

DBOS = "3.4.0"


class Dbos(Looped):
    """Called from within its process: it has no HTTP ingress. It has no objects either, so no counter."""

    name: ClassVar[str] = "dbos"
    workloads = frozenset({"echo", "steps9", "chain9", "fanout", "send", "sleepers"})
    most_sleepers = 1_000
    _python: Path

    def install(self) -> None:
        """The package, in a folder of the cache."""
        self._python = virtual_environment("dbos", [f"dbos=={DBOS}"])

    def versions(self) -> Mapping[str, str]:
        """As pinned above."""
        return {"dbos": DBOS}

    def _command(self) -> Sequence[str | Path]:
        return [self._python, APPS / "dbos_app.py"]
