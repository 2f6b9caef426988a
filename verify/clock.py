"""A wrong clock for a process: so many seconds beside the machine's, which may change while it runs."""

from __future__ import annotations

import mmap
import os
import struct
import time
from typing import TYPE_CHECKING, Final

from tests.engine.ledger import NOW  # the right clock, which the ledger keeps

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE: Final = "PGDURABLE_VERIFY_CLOCK"
AHEAD: Final = struct.Struct("d")


def install() -> None:
    """Have this process read its clock wrongly. A hook for `tests.engine.nursery`."""
    with open(os.environ[VARIABLE], "rb") as file:
        shared = mmap.mmap(file.fileno(), AHEAD.size, access=mmap.ACCESS_READ)
    time.time = lambda: NOW() + AHEAD.unpack_from(shared)[0]


def set_ahead(file: Path, seconds: float) -> None:
    """From outside, at any time; before the process starts, too."""
    with file.open("r+b" if file.exists() else "wb") as opened:
        opened.write(AHEAD.pack(seconds))
