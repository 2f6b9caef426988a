"""A synchronous replica, and what makes it the primary: the server is gone, and what was acknowledged is not.

It is made while everything goes on. From the moment it is synchronous, PostgreSQL acknowledges nothing that
the replica has not written. Then the primary ends as in a crash, the replica is promoted, and the processes
find it behind their links, as behind the address that moves in a real fail-over.
"""

from __future__ import annotations

import itertools
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import psycopg

from pgdurable.embedded import EmbeddedPostgres
from pgdurable.embedded.account import as_server, server_account
from pgdurable.embedded.directory import make_private
from pgdurable.embedded.ephemeral import free_port

if TYPE_CHECKING:
    from verify.cluster import Cluster

NUMBERS: Final = itertools.count(1)
SYNCHRONOUS: Final = "alter system set synchronous_standby_names = '*'"
ALONE: Final = "alter system reset synchronous_standby_names"
TABLESPACES: Final = """
    select pg_tablespace_location(oid) from pg_tablespace where spcname not like 'pg\\_%'
"""
CATCH_UP: Final = 30.0
"""Seconds in which a replica must have come up with its primary."""


class Standby:
    """Of the server that the cluster has now."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._primary = cluster.server
        self._folder = cluster.folder / f"server-{next(NUMBERS)}"
        self._server = EmbeddedPostgres(
            self._folder, version=18, port=free_port(), settings=self._primary.settings
        )
        self._process: subprocess.Popen[Any] | None = None

    def follow(self) -> None:
        """Copy the primary and run, until it is synchronous. Raises what went wrong, and then it is gone."""
        try:
            self._copy()
            self._run()
            self._become_synchronous()
        except BaseException:
            self._give_up()
            raise

    def take_over(self) -> None:
        """The primary ends, this one is the server from now on."""
        cluster, server = self._cluster, self._server
        self._primary.stop("immediate")
        with self._connect(server) as connection:
            connection.execute("select pg_promote(true, 60)")
        server.start()  # it runs: this object learns of it
        cluster.adopt(server)

    def _copy(self) -> None:
        account = server_account()
        make_private(self._folder, account)
        where = ["-h", "127.0.0.1", "-p", str(self._primary.port), "-U", "postgres", "-D", str(self._folder)]
        how = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--wal-method=stream"]
        with self._connect(self._primary) as connection:
            places = connection.execute(TABLESPACES).fetchall()
        for (place,) in places:
            tables = self._folder.with_name(f"{self._folder.name}-tables")
            make_private(tables, account)
            how.append(f"--tablespace-mapping={place}={tables}")
        self._do([str(self._server.binary("pg_basebackup")), *where, *how])

    def _run(self) -> None:
        command = self._server._command()  # pyright: ignore[reportPrivateUsage]
        with self._server.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as(),
            )

    def _become_synchronous(self) -> None:
        with self._connect(self._primary) as connection:
            connection.execute(SYNCHRONOUS)
            connection.execute("select pg_reload_conf()")
            deadline = time.monotonic() + CATCH_UP
            synchronous = partial(
                connection.execute, "select from pg_stat_replication where sync_state = 'sync'"
            )
            while synchronous().fetchone() is None:
                assert time.monotonic() < deadline, (
                    f"no replica yet:\n{self._server.log_file.read_text()[-2000:]}"
                )
                time.sleep(0.05)

    def _give_up(self) -> None:
        """The primary waits for nobody any more."""
        with self._connect(self._primary) as connection:
            connection.execute(ALONE)
            connection.execute("select pg_reload_conf()")
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _connect(self, server: EmbeddedPostgres) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", autocommit=True
        )

    def _do(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as())
        assert done.returncode == 0, done.stderr

    def _as(self) -> Any:
        return as_server(self._server.bin_dir, server_account())
