"""pgdurable with its processes in our hands: all in one, or an ingress and workers, on one PostgreSQL."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import psycopg

from benchmarks.peers.pgdurable import APP
from benchmarks.peers.postgres import OnPostgres
from benchmarks.process import Process, answers, free_ports
from pgdurable.embedded import EmbeddedPostgres
from pgdurable.store.migrate import migrate

SQL = Path(__file__).with_name("sql")


class Cluster(OnPostgres):
    """``workers`` processes of handlers behind one ingress; with none, one process that is everything."""

    name: ClassVar[str] = "pgdurable"

    def __init__(self, workers: int = 0) -> None:
        super().__init__()
        self._count = workers
        self._server: EmbeddedPostgres
        self.workers: list[Process] = []

    def install(self) -> None:
        """It is this checkout."""

    def versions(self) -> Mapping[str, str]:
        """As the peer pgdurable has them."""
        return {}

    def start(self, folder: Path) -> str:
        """A server, the schema, the processes."""
        self.data = folder / "data"
        port, admin, database = free_ports(3)
        self._server = EmbeddedPostgres(self.data, port=database)
        self._server.start()
        migrate(self._server.dsn())
        if self._count:
            self.workers = [self._worker(folder, number) for number in range(self._count)]
            front = self._run("ingress", folder, "ingress", "--port", str(port))
        else:
            ports = ["--port", str(port), "--admin-port", str(admin)]
            front = self._run("pgdurable", folder, "dev", str(APP), *ports, "--no-reload")
        for worker in self.workers:
            worker.wait_ready(lambda log=worker.log: "worker serves" in log.read_text())  # type: ignore[misc]
        front.wait_ready(lambda: answers(f"http://127.0.0.1:{port}/restate/health"))
        return f"http://127.0.0.1:{port}"

    def _worker(self, folder: Path, number: int) -> Process:
        return self._run(f"worker-{number}", folder, "worker", str(APP), "--unversioned")

    def _run(self, name: str, folder: Path, *arguments: str) -> Process:
        command: list[str | Path] = [
            Path(sys.executable).with_name("pgdurable"),
            *arguments,
            "--dsn",
            self._server.dsn(),
        ]
        return self._spawn(name, command, folder)

    # -- its database --------------------------------------------------------------------------------------

    @property
    def database(self) -> str:
        """Its name."""
        with self.connect() as connection:
            return connection.info.dbname

    def connect(self, database: str | None = None) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of our own, which commits each statement."""
        return psycopg.connect(self._server.dsn(database), autocommit=True)

    def number(self, query: str, *arguments: object) -> Any:
        """The first column of the one row of a query in ``sql``."""
        with self.connect() as connection:
            row = connection.execute(statement(query), arguments).fetchone()
        assert row is not None
        return row[0]


def statement(name: str) -> bytes:
    """The text of a file in ``sql``."""
    return (SQL / f"{name}.sql").read_bytes()
