"""The memory that a peer's processes hold, from ``/proc``, PostgreSQL apart."""

import os
from collections.abc import Iterable
from pathlib import Path

from benchmarks.cpu import DATABASE, PROC, process_tree


def resident_bytes(roots: Iterable[int], proc: Path = PROC) -> int | None:
    """What these processes and all that they started have in memory; None where there is no ``/proc``."""
    if not proc.exists():
        return None
    own = [stat.pid for stat in process_tree(roots, proc) if stat.name != DATABASE]
    return sum(_resident_pages(proc / str(pid)) for pid in own) * os.sysconf("SC_PAGE_SIZE")


def _resident_pages(process: Path) -> int:
    try:
        return int((process / "statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return 0
