"""Ends the server that a killed process has left, and removes its folder.

    python -I guardian.py FOLDER

A program of its own, run by its path, so that it needs nothing but the standard library and costs little. It
waits for the lock that the folder's owner holds, which the kernel frees however the owner ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path


def guard(folder: Path) -> None:
    """Wait for the owner of ``folder`` to be gone, and tidy up if it has not done so itself."""
    try:
        lock = os.open(folder / "owner", os.O_RDWR)
    except FileNotFoundError:
        return
    fcntl.flock(lock, fcntl.LOCK_EX)
    tidy(folder)
    os.close(lock)


def tidy(folder: Path) -> None:
    """End every server whose data is in ``folder``, and remove it."""
    for pid_file in folder.rglob("postmaster.pid"):
        with suppress(FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
