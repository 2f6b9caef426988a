"""The workloads, in the order of the report."""

from benchmarks.workloads.base import Workload
from benchmarks.workloads.chain9 import CHAIN9
from benchmarks.workloads.counter import COUNTER, HOTKEY
from benchmarks.workloads.echo import ECHO
from benchmarks.workloads.fanout import FANOUT
from benchmarks.workloads.send import SEND
from benchmarks.workloads.sleepers import SLEEPERS
from benchmarks.workloads.steps9 import STEPS9

__all__ = ["WORKLOADS", "Workload"]

_ALL = (ECHO, STEPS9, COUNTER, HOTKEY, CHAIN9, FANOUT, SEND, SLEEPERS)
WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in _ALL}
