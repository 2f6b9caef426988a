"""The PostgreSQL servers below a peer: found by what they leave in the peer's folder, and ended with it."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.peers.base import Peer
from benchmarks.process import LOOK_AGAIN_SECONDS


class OnPostgres(Peer):
    """A peer whose data is in a PostgreSQL below ``data``. The server has a session of its own."""

    data: Path | None = None

    def stop(self) -> None:
        """Stop the peer, and then the server, which outlives a peer that had to be killed."""
        super().stop()
        for pid_file in self._pid_files():
            os.kill(_first_number(pid_file), signal.SIGINT)
            while pid_file.exists():
                time.sleep(LOOK_AGAIN_SECONDS)

    def _postmasters(self) -> Iterable[int]:
        return [_first_number(pid_file) for pid_file in self._pid_files()]

    def _pid_files(self) -> Iterable[Path]:
        return self.data.rglob("postmaster.pid") if self.data else ()


def _first_number(pid_file: Path) -> int:
    return int(pid_file.read_text().split(maxsplit=1)[0])
