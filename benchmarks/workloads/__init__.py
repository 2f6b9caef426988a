"""The workloads, in the order of the report."""

from benchmarks.workloads.base import Workload
from benchmarks.workloads.echo import ECHO
from benchmarks.workloads.steps9 import STEPS9

__all__ = ["WORKLOADS", "Workload"]

WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in (ECHO, STEPS9)}
