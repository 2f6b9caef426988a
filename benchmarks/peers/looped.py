"""Peers that are called from within their own process, on the PostgreSQL that pgdurable brings."""

import json
import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load import Sample
from benchmarks.peers.postgres import OnPostgres
from benchmarks.process import PeerError, answers, free_ports, post
from benchmarks.workloads.base import Workload
from pgdurable.embedded import EmbeddedPostgres

APPS = Path(__file__).parents[1] / "apps"
SEARCH = (str(APPS), str(APPS.parents[1]))
PATIENCE_SECONDS = 300


class Looped(OnPostgres):
    """One process that loads itself when it is asked to, as ``apps/loop.py`` has it."""

    def start(self, folder: Path) -> str:
        """A server with the settings that `pgdurable dev` gives it, and the process beside it."""
        self.data = folder / "data"
        port, database = free_ports(2)
        server = EmbeddedPostgres(self.data, port=database)
        server.start()
        self._prepare(server.dsn())
        command = [*self._command(), str(port), server.dsn()]
        process = self._spawn(self.name, command, folder, PYTHONPATH=os.pathsep.join(SEARCH))
        process.wait_ready(lambda: answers(f"http://127.0.0.1:{port}"))
        return f"http://127.0.0.1:{port}"

    def check(self, workload: Workload, url: str) -> None:
        """A single client for a moment: the process itself looks whether the answers are right."""
        if self.measure(workload, url, clients=1, seconds=0.2).errors:
            raise PeerError(f"{self.name} does not do {workload.name}, its log says why")

    def measure(self, workload: Workload, url: str, *, clients: int, seconds: float) -> Sample:
        """Ask it to load itself."""
        asked = json.dumps({"workload": workload.name, "clients": clients, "seconds": seconds})
        return Sample(**json.loads(post(url, asked, patience_seconds=PATIENCE_SECONDS + seconds)))

    @abstractmethod
    def _command(self) -> Sequence[str | Path]:
        """What takes a port and the address of the database, and serves the suite there."""

    def _prepare(self, dsn: str) -> None:
        """Whatever the database needs before the process is started."""
