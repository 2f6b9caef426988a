"""A server that nobody keeps: for tests. No fsync, data in memory where there is room, gone with its owner.

    with EphemeralFolder.make() as folder:
        server = folder.server()
        server.start()

The owner of the folder is one process; others that know its path may use the server as well, and the first
that needs it starts it. When the owner is killed, a guardian ends the server and removes the folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from pgdurable.embedded import guardian
from pgdurable.embedded.binaries import DEFAULT_VERSION
from pgdurable.embedded.server import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import TracebackType

SETTINGS: Final[Mapping[str, str]] = {
    "fsync": "off",
    "max_connections": "400",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "min_wal_size": "80MB",
}
PREFIX: Final = "pgdurable-tests-"
ROOM: Final = 2 * 2**30  # bytes that must be free in memory for data to be kept there


class EphemeralFolder:
    """Where the processes of one run of tests have their server. `make` it, or open one by its path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner: int | None = None

    @classmethod
    def make(cls) -> Self:
        """A new folder, owned by this process. What killed ones left is removed first."""
        base = _base()
        for left in base.glob(f"{PREFIX}*"):
            if left.stat().st_uid == os.getuid() and _ownerless(left):
                guardian.tidy(left)
        folder = cls(Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base)))
        folder._owner = os.open(folder.path / "owner", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(folder._owner, fcntl.LOCK_EX)
        return folder

    def remove(self) -> None:
        """End what runs in it, and remove it. For its owner."""
        guardian.tidy(self.path)
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    @contextmanager
    def locked(self) -> Generator[None]:
        """One process at a time, of those that use this folder."""
        with (self.path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def server(self, version: int = DEFAULT_VERSION) -> EmbeddedPostgres:
        """The server of this folder, running: the first process to ask starts it.

        Raises EmbeddedPostgresError if it does not start.
        """
        with self.locked():
            server = EmbeddedPostgres(
                self.path / "server", version=version, port=self.port(), settings=SETTINGS
            )
            server.start()
            self._guard()
        return server

    def port(self) -> int:
        """The one on which this folder's server listens; a free one when first asked."""
        file = self.path / "port"
        if not file.exists():
            file.write_text(str(free_port()))
        return int(file.read_text())

    def _guard(self) -> None:
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


def free_port() -> int:
    """A port of localhost that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _base() -> Path:
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM and os.access(memory, os.W_OK)
    return memory if roomy else Path(tempfile.gettempdir())


def _ownerless(folder: Path) -> bool:
    try:
        lock = os.open(folder / "owner", os.O_RDWR)
    except FileNotFoundError:
        return _gone(int(folder.name.removeprefix(PREFIX).split("-")[0]))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
