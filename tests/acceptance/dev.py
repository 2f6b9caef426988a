"""A `pgdurable dev` as somebody at two terminals has it: in one it runs, in the other commands are typed.

It is a process group of its own, so that Ctrl-C and `kill -9` reach what they would reach in a terminal, and
it keeps its data in a directory of its own. `commands` is the environment of the second terminal: `curl`,
`psql` (the bundled one) and `pgdurable` are found there, and `pgdurable` finds this database.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import psycopg

from pgdurable.embedded import Postmaster, find_binaries, os_user
from tests.acceptance.curl import __file__ as curl_file
from tests.acceptance.curl import curl_is_here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PATIENCE = 60.0
LOOK_AGAIN = 0.05
UNSAFE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Knows no authority. To read them all takes 60 ms, each time, and nothing here is asked over TLS."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where it listens."""

    ingress: int
    admin: int
    postgres: int

    @classmethod
    def free(cls) -> Self:
        """Three that nobody uses; held all at once, so that they differ."""
        with ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(3)]
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            return cls(*(probe.getsockname()[1] for probe in probes))

    def options(self) -> list[str]:
        return [
            *("--port", str(self.ingress)),
            *("--admin-port", str(self.admin)),
            *("--pg-port", str(self.postgres)),
        ]


class Dev:
    """`start`, then `stop` or `kill`, and again; `close` leaves nothing behind."""

    def __init__(
        self,
        folder: Path,
        app: str,
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.ports = Ports.free()
        self.app = app
        self._folder = folder
        self.data = folder / "data"
        self.url = f"http://localhost:{self.ports.ingress}"
        self.dsn = f"postgresql://{os_user()}@localhost:{self.ports.postgres}/{os_user()}"
        self._cwd = cwd or folder
        self._log = folder / "dev.log"
        self.own_database = True
        self.environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    # --- the first terminal

    def start(self) -> None:
        """Have it running; returns when it takes requests for every service."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Begin, and do not wait."""
        command = [str(BIN / "pgdurable"), "dev", self.app, *self.ports.options()]
        if self.own_database:
            command += ["--data", str(self.data)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._cwd,
                env=clean_environment() | self.environment,
            )

    def wait_until_ready(self) -> None:
        """It is ready when its health endpoint says so. Says what went wrong when it ends instead."""
        until(self._ready, "pgdurable dev takes requests", self.output)

    def _ready(self) -> bool:
        assert self._process is not None, "start it first"
        assert self._process.poll() is None, f"pgdurable dev has ended:\n{self.output()}"
        try:
            return httpx.get(f"{self.url}/restate/health", timeout=5, verify=UNSAFE).is_success
        except httpx.TransportError:
            return False

    @property
    def started(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> int:
        """Its exit code, when it ends by itself."""
        assert self._process is not None, "start it first"
        return self._process.wait(PATIENCE)

    def output(self) -> str:
        """What it has printed, in all its lives."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def reloads(self) -> int:
        """How often it has taken up a changed file, in all its lives."""
        return self.output().count("\nready")

    def interrupt(self, seconds: float = PATIENCE) -> int:
        """Ctrl-C: SIGINT for the whole process group. Returns the exit code."""
        assert self._process is not None, "start it first"
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(seconds)

    def kill(self) -> None:
        """`kill -9` of the process that was started, and of nothing else. Its group is gone soon after."""
        assert self._process is not None, "start it first"
        self._process.kill()
        self._process.wait(PATIENCE)
        until(lambda: not self.group_lives(), "its processes are gone", self.output)

    def group_lives(self) -> bool:
        """Whether any process of it is left, PostgreSQL aside: that has a session of its own."""
        assert self._process is not None, "start it first"
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def postmaster(self) -> Postmaster | None:
        """Its PostgreSQL, if that is running."""
        found = Postmaster.read(self.data / "pg18")
        return found if found is not None and found.alive() else None

    def close(self) -> None:
        """End whatever is left."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE)
        if (postmaster := self.postmaster()) is not None:
            os.kill(postmaster.pid, signal.SIGQUIT)
            until(lambda: not postmaster.alive(), "PostgreSQL has ended")
        shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- the second terminal

    @property
    def commands(self) -> dict[str, str]:
        """The environment of a terminal in which to talk to it."""
        # In a terminal, curl shows its progress only to those who have to wait.
        (self._folder / ".curlrc").write_text("silent\nshow-error\n")
        found = clean_environment() | {"PGDURABLE_DSN": self.dsn, "CURL_HOME": str(self._folder)}
        if not curl_is_here():
            stand_in = self._folder / "curl"
            stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(curl_file)} "$@"\n')
            stand_in.chmod(0o755)
            found["PATH"] = f"{self._folder}{os.pathsep}{found['PATH']}"
        return found

    def shell(self, command: str, *, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """A line typed there."""
        return subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._cwd,
            env=self.commands,
            input=stdin,
            timeout=PATIENCE,
        )

    def cli(self, *arguments: str) -> str:
        """What `pgdurable ...` prints; it must succeed."""
        done = subprocess.run(
            [str(BIN / "pgdurable"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self.commands,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"pgdurable {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def curl(self, path: str, *options: str) -> str:
        """What `curl localhost:8080/<path> ...` prints."""
        done = subprocess.run(
            ["curl", f"localhost:{self.ports.ingress}/{path}", *options],
            capture_output=True,
            text=True,
            check=False,
            env=self.commands,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"curl {path}: {done.stderr}"
        return done.stdout

    def query(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows, for what a test wants to know beside the transcript."""
        with psycopg.connect(self.dsn, options="-c search_path=pgdurable,public") as connection:
            cursor = connection.execute(statement.encode(), arguments or None)
            return cursor.fetchall()


def until(condition: Callable[[], object], what: str, evidence: Callable[[], str] = str) -> None:
    """Wait for something that can be seen, by looking again and again."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}\n{evidence()}"
        time.sleep(LOOK_AGAIN)


def clean_environment() -> dict[str, str]:
    """This process's, without what would lead a `pgdurable` elsewhere, and with our programs first."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PGDURABLE_", "PG", "TOUR_", "COVERAGE"))
        and name not in ("CI", "VIRTUAL_ENV")
    }
    programs: Sequence[Path] = [BIN, find_binaries(18)]
    # A reader of the pages that run pytest has not the plugins that come with our development tools.
    plugins = {"PYTEST_ADDOPTS": "-p no:faker -p no:hypothesispytest -p no:langsmith_plugin"}
    return kept | plugins | {"PATH": os.pathsep.join([*map(str, programs), os.environ.get("PATH", "")])}
