"""Ends a server that nobody uses any more, and removes its folder.

    python -I guardian.py FOLDER

A program of its own, run by its path, so that it needs nothing but the standard library and costs little.
Whoever uses the folder holds a shared lock on a file in it, which the kernel frees however that process ends:
this waits until it gets the lock alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

USERS = "users"
GONE = "-gone"


def guard(folder: Path, *, wait: bool = True) -> None:
    """Remove ``folder`` once it has no users, or only if it has none now."""
    try:
        lock = os.open(folder / USERS, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)
    except BlockingIOError:
        return
    finally:
        os.close(lock)


def _remove(folder: Path) -> None:
    """Away from its name first: who wants it from now on makes a new one."""
    gone = folder if folder.name.endswith(GONE) else folder.with_name(folder.name + GONE)
    with suppress(FileNotFoundError):
        folder.rename(gone)
    for pid_file in gone.rglob("postmaster.pid"):
        with suppress(FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
    shutil.rmtree(gone, ignore_errors=True)


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
