"""A server that nobody keeps: for tests. No fsync, data in memory where there is room, gone with its users.

    folder = EphemeralFolder.join()
    server = folder.server()

Processes that know the name of a folder share it: the first makes it, and the first that needs the server
starts it. When the last of them has ended, however that was, a guardian ends the server and removes the
folder. So nothing is to be stopped.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from pgdurable.embedded import guardian
from pgdurable.embedded.binaries import DEFAULT_VERSION
from pgdurable.embedded.server import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

SETTINGS: Final[Mapping[str, str]] = {
    "fsync": "off",
    "max_connections": "400",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "min_wal_size": "80MB",
}
PREFIX: Final = "pgdurable-tests-"
PORTS: Final = range(20_000, 32_768)
ROOM: Final = 2 * 2**30  # bytes that must be free in memory for data to be kept there


class EphemeralFolder:
    """Where the processes of one run of tests have their server. `join` makes or finds it."""

    def __init__(self, path: Path, users: int) -> None:
        self.path = path
        self._users = users  # a descriptor: its shared lock says "a process needs this folder"

    @classmethod
    def join(cls, name: str | None = None) -> Self:
        """The folder of this name, to be used until this process ends; without a name, a new one.

        What others have left, killed together with their guardians, is removed on the way.
        """
        base = _base()
        for left in base.glob(f"{PREFIX}*"):
            with suppress(PermissionError):  # another account's
                guardian.guard(left, wait=False)
        path = base / f"{PREFIX}{name or run_name()}"
        while True:
            path.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError):  # it was removed a moment ago, as that of a run that had ended
                users = os.open(path / guardian.USERS, os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(users, fcntl.LOCK_SH)
                if _is_at(users, path / guardian.USERS):
                    folder = cls(path, users)
                    folder._guard()
                    return folder
                os.close(users)

    def leave(self) -> None:
        """Use it no longer. For those who do so before their process ends."""
        os.close(self._users)

    @contextmanager
    def locked(self) -> Generator[None]:
        """One process at a time, of those that use this folder."""
        with locked(self.path):
            yield

    def server(self, version: int = DEFAULT_VERSION) -> EmbeddedPostgres:
        """The server of this folder, running: the first process to ask starts it.

        Raises EmbeddedPostgresError if it does not start.
        """
        with self.locked():
            server = EmbeddedPostgres(
                self.path / f"server{version}",
                version=version,
                port=self.port(str(version)),
                settings=SETTINGS,
            )
            server.start()
            server.leave_running()
        return server

    def port(self, name: str) -> int:
        """The one on which the server of this name listens; a free one when first asked."""
        file = self.path / f"port{name}"
        if not file.exists():
            file.write_text(str(free_port()))
        return int(file.read_text())

    def _guard(self) -> None:
        with self.locked():
            guarded = self.path / "guarded"
            if guarded.exists():
                return
            guarded.touch()
        child = subprocess.Popen(
            [sys.executable, "-I", guardian.__file__, str(self.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        child.returncode = 0  # it outlives us: nobody will wait for it, and Popen need not warn of that


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """One process at a time."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_name() -> str:
    """A name for a folder that nobody else has chosen."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def free_port() -> int:
    """A port of localhost that nobody uses at this moment, and that no connection is given until it is used:
    not one of those that systems hand out by themselves (from 32768 on Linux, from 49152 elsewhere).
    """
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _base() -> Path:
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM and os.access(memory, os.W_OK)
    return memory if roomy else Path(tempfile.gettempdir())


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether this is the file that is there, rather than one that was there when it was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
