"""The server process: started, attached to, left to others, stopped.

Why not the server class of the package that brings the binaries: it listens on a unix socket alone, and
shares one server among processes by a list of pids, which a killed process never leaves.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import quote

import psycopg

from pgdurable.embedded.account import as_server, os_user, server_account
from pgdurable.embedded.address import DEFAULT_PORT, addresses, check_port
from pgdurable.embedded.binaries import DEFAULT_VERSION, find_binaries
from pgdurable.embedded.cluster import check_version, connect, ensure_database, initdb
from pgdurable.embedded.directory import default_data_dir, make_parent
from pgdurable.embedded.errors import EmbeddedPostgresError, tail
from pgdurable.embedded.locks import exclusively, open_use, unused
from pgdurable.embedded.postmaster import Postmaster

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

START_SECONDS = 60.0  # a crash recovery may need them
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01

SETTINGS: Mapping[str, str] = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "15s",  # the engine's small tables turn over fast
    "jit": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "unix_socket_permissions": "0700",
    "cluster_name": "pgdurable",
}


class EmbeddedPostgres:
    """One server on one data directory. `start`, `stop`, or `with`; either may be called twice.

    Without a ``data_dir`` it is `.pgdurable/pg<version>` in the working directory, or, where the server
    cannot keep its files there, a directory under `/var/tmp`; `data_dir` tells which. ``settings`` go on top
    of `SETTINGS`, as start options: an old data directory gets them as well.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        version: int = DEFAULT_VERSION,
        port: int = DEFAULT_PORT,
        host: str = "127.0.0.1",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.version = version
        self.port = port
        self.host = host
        self.settings = {**SETTINGS, **(settings or {})}
        self.bin_dir = find_binaries(version)
        self._account = server_account()
        self._child: subprocess.Popen[bytes] | None = None
        self._use: int | None = None  # a descriptor: its shared lock says "a process needs this server"
        if data_dir is None:
            self.data_dir = default_data_dir(version, self._account)
        else:
            self.data_dir = data_dir.absolute()
            make_parent(self.data_dir, self._account)

    @property
    def running(self) -> bool:
        """Whether a postmaster is at work on the data directory, ours or another process's."""
        postmaster = Postmaster.read(self.data_dir)
        return postmaster is not None and self._answers(postmaster)

    @property
    def log_file(self) -> Path:
        """What the server wrote since it was started. The run before is kept beside it, as `.1`."""
        return self.data_dir / "postgres.log"

    @property
    def socket_dir(self) -> Path | None:
        """Where the unix socket is, or None when its path would be longer than the system allows."""
        path = self.data_dir / f".s.PGSQL.{self.port}"
        return self.data_dir if len(os.fsencode(path)) < 104 else None

    def binary(self, name: str) -> Path:
        """The path of one of this server's programs: psql, pg_dump, pgbench…"""
        return self.bin_dir / name

    def dsn(self, database: str | None = None, user: str | None = None) -> str:
        """A URL for any driver. By default the database that holds pgdurable's schema, as its owner."""
        role, name = (quote(part or os_user(), safe="") for part in (user, database))
        return f"postgresql://{role}@{self.host}:{self.port}/{name}"

    def start(self) -> None:
        """Have a server running with the settings of this object: a new one, or the one already there."""
        if self._use is not None and self.running:
            return
        with exclusively(self.data_dir):
            check_version(self.data_dir, self.version)
            if not self._attach():
                if not (self.data_dir / "PG_VERSION").exists():
                    initdb(
                        self.data_dir,
                        self.version,
                        self.bin_dir,
                        self._account,
                        sync=self.settings.get("fsync") != "off",
                    )
                self._launch()
            self._hold()
            ensure_database(self.host, self.port)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """End the server, or leave it to others who use it. `immediate` is a crash, for tests."""
        if self._use is None:
            return
        with exclusively(self.data_dir):
            alone = self._release()
            postmaster = Postmaster.read(self.data_dir)
            if not alone:
                self._disown()
            elif postmaster is not None and postmaster.alive():
                self._shut_down(postmaster.pid, signal.SIGINT if mode == "fast" else signal.SIGQUIT)
            elif self._child is not None:
                self._child.wait()  # it ended without us
                self._child = None

    def leave_running(self) -> None:
        """It is somebody else's to stop. This process uses it until it ends, or calls `stop`."""
        self._disown()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- the server process

    def _attach(self) -> bool:
        """Whether a server with our options runs. One with others is stopped, if nobody is using it."""
        postmaster = Postmaster.read(self.data_dir)
        if postmaster is None or not self._answers(postmaster):
            return False
        if postmaster.command.endswith("".join(f' "{option}"' for option in self._options())):
            return True
        if not unused(self.data_dir):
            raise EmbeddedPostgresError(
                f"another process is using {self.data_dir} on port {postmaster.port}, "
                f"with other settings: stop it first"
            )
        self._shut_down(postmaster.pid, signal.SIGINT)
        return False

    def _answers(self, postmaster: Postmaster) -> bool:
        """Wait until it accepts connections. Its pid file may be left over from a crash, though."""
        deadline = time.monotonic() + START_SECONDS
        while postmaster.alive() and time.monotonic() < deadline:
            current = Postmaster.read(self.data_dir)
            if current is None or current.pid != postmaster.pid:
                return False
            if current.ready:
                try:
                    with connect(self.host, current.port) as connection:
                        row = connection.execute("show data_directory").fetchone()
                except psycopg.OperationalError:
                    return False
                return row is not None and Path(row[0]) == self.data_dir
            time.sleep(POLL_SECONDS)
        return False

    def _launch(self) -> None:
        check_port(self.host, self.port)
        if self._child is not None:
            self._child.wait()  # it crashed, or somebody else stopped it
        stale = Postmaster.read(self.data_dir)
        if stale is not None and not stale.alive():
            # PostgreSQL itself would give up where the pid is in use again, by whatever program.
            (self.data_dir / "postmaster.pid").unlink()
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal is for us, and we are the ones to stop the server.
            child = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_server(self.bin_dir, self._account),
            )
        self._child = child
        try:
            self._await_ready(child)
        except BaseException:
            self._child = None
            child.send_signal(signal.SIGQUIT)
            child.wait()
            raise

    def _await_ready(self, child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not start: {tail(self._log())} ({self.log_file})"
                )
            postmaster = Postmaster.read(self.data_dir)
            if postmaster is not None and postmaster.pid == child.pid and postmaster.ready:
                return
            time.sleep(POLL_SECONDS)
        raise EmbeddedPostgresError(
            f"PostgreSQL is not ready after {START_SECONDS:.0f} s, see {self.log_file}"
        )

    def _shut_down(self, pid: int, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is not None and child.pid != pid:
            child.wait()  # it died some time ago, and another process started the one that runs now
            child = None
        for attempt in (how, signal.SIGQUIT, signal.SIGKILL):
            os.kill(pid, attempt)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                if self._gone(pid, child):
                    return
                time.sleep(POLL_SECONDS)
        raise EmbeddedPostgresError(f"PostgreSQL (pid {pid}) does not stop, see {self.log_file}")

    def _disown(self) -> None:
        """Somebody else will stop it. Popen has no word for that: it warns of a forgotten child."""
        if self._child is not None:
            self._child.returncode = 0
            self._child = None

    def _gone(self, pid: int, child: subprocess.Popen[bytes] | None) -> bool:
        """Somebody else's child stays a zombie until its parent looks; its pid file is gone at once."""
        if child is not None:
            return child.poll() is not None
        postmaster = Postmaster.read(self.data_dir)
        return postmaster is None or postmaster.pid != pid or not postmaster.alive()

    def _command(self) -> list[str]:
        return [str(self.binary("postgres")), *self._options()]

    def _options(self) -> list[str]:
        options = ["-D", str(self.data_dir), "-p", str(self.port)]
        settings = {
            "listen_addresses": ",".join(addresses(self.host)),
            "unix_socket_directories": str(self.socket_dir or ""),
            **self.settings,
        }
        for name, value in settings.items():
            options += ["-c", f"{name}={value}"]
        return options

    def _log(self) -> str:
        return self.log_file.read_text(errors="replace")

    # --- who else is here

    def _hold(self) -> None:
        if self._use is None:
            self._use = open_use(self.data_dir)
            fcntl.flock(self._use, fcntl.LOCK_SH)

    def _release(self) -> bool:
        """Give up our use; whether it was the last one."""
        use, self._use = self._use, None
        if use is not None:
            os.close(use)
        return unused(self.data_dir)
