"""Who runs on a data directory, as its files tell."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a data directory says about the server that runs on it, or that once ran and was killed."""

    pid: int
    port: int
    ready: bool
    command: str

    @classmethod
    def read(cls, data_dir: Path) -> Postmaster | None:
        """None when no server runs, or when one is only beginning to write its file."""
        try:
            lines = (data_dir / "postmaster.pid").read_text().splitlines()
            command = (data_dir / "postmaster.opts").read_text().rstrip("\n")
        except FileNotFoundError:
            return None
        if len(lines) < 8:
            return None
        return cls(
            pid=int(lines[0]),
            port=int(lines[3]),
            ready=lines[7].strip() == "ready",
            command=command,
        )

    def alive(self) -> bool:
        """Whether the process exists and is PostgreSQL, as far as this system can tell."""
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, PermissionError):  # not permitted: it is not our server
            return False
        try:
            return Path(f"/proc/{self.pid}/comm").read_text().strip() == "postgres"
        except ProcessLookupError:  # it ended while its file was read
            return False
        except FileNotFoundError:  # it ended just now; or this is macOS, which has no /proc
            return not Path("/proc/self").exists()
