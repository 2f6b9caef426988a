"""Where a measurement was made: without it a number of requests per second means nothing."""

import os
import platform
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

FLUSHES = 50
LISTEN_SECONDS = 0.5
PAGE = b"\0" * 8192


@dataclass(frozen=True, slots=True)
class Machine:
    """The hardware, the system and how busy it was."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str
    file_system: str
    flush_ms: float
    """The median time to make one written page durable: it bounds what any durable system can do."""


def describe(disk: Path) -> Machine:
    """This machine, with ``disk`` the folder where the peers keep their data."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        file_system=_file_system(disk),
        flush_ms=_flush_milliseconds(disk),
    )


def commit() -> str:
    """The commit that is checked out, marked where files differ from it."""
    here = Path(__file__).parent
    described = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"],
        cwd=here, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return described.stdout.strip() or "unknown"


def busy_share() -> float | None:
    """How much of the processors is in use just now, 0 to 1: by others, when nothing of ours is running."""
    before = _processor_times()
    time.sleep(LISTEN_SECONDS)
    after = _processor_times()
    if before is None or after is None:
        return None
    idle, total = after[0] - before[0], after[1] - before[1]
    return round(1 - idle / total, 3) if total else None


def _processor_times() -> tuple[int, int] | None:
    """Idle and total time of all processors since the system started, where the system says so."""
    statistics_file = Path("/proc/stat")
    if not statistics_file.exists():
        return None
    with statistics_file.open() as lines:
        times = [int(field) for field in lines.readline().split()[1:9]]
    return times[3] + times[4], sum(times)  # idle and waiting for the disk; the rest is work


def _cpu() -> str:
    with Path("/proc/cpuinfo").open() as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _file_system(disk: Path) -> str:
    shown = subprocess.run(["df", "--output=fstype", disk], capture_output=True, text=True, check=False)
    return shown.stdout.split()[-1] if shown.stdout else "unknown"


def _flush_milliseconds(disk: Path) -> float:
    def flush() -> float:
        begun = time.perf_counter()
        file.write(PAGE)
        os.fdatasync(file.fileno())
        return (time.perf_counter() - begun) * 1000

    with tempfile.TemporaryFile(dir=disk, buffering=0) as file:
        return round(statistics.median(flush() for _ in range(FLUSHES)), 2)
