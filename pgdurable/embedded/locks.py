"""Who else starts, stops or uses the server: locks, which the kernel takes from a killed process."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def exclusively(data_dir: Path) -> Generator[None]:
    """One process at a time starts or stops this server. The kernel frees the lock of a killed one."""
    lock = os.open(data_dir.with_name(f".{data_dir.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def open_use(data_dir: Path) -> int:
    # The server, which may have another account, reads it for a base backup. The directory is private.
    return os.open(data_dir / "pgdurable.users", os.O_RDWR | os.O_CREAT, 0o644)


def unused(data_dir: Path) -> bool:
    use = open_use(data_dir)
    try:
        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(use)
