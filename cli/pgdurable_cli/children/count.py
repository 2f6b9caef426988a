"""How many processes `--processes` means."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import click

__all__ = ["processes_option", "usable_cores"]

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


class Processes(click.ParamType[int]):
    """A number, or `auto`."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "auto":
            return usable_cores()
        return click.IntRange(min=1).convert(value, param, ctx)


def usable_cores(quota_file: Path = CPU_QUOTA) -> int:
    """Those that this process may run on, and no more than its container gets the time of."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
        granted = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return here
    return max(1, min(here, granted))


processes_option = click.option(
    "--processes", default=1, show_default=True, type=Processes(), metavar="N|auto",
    help="So many of them behind one port; auto: one for each core.",
)  # fmt: skip
