"""A hundred calls at once, gathered: what it costs to start much and to hear of it all."""

from benchmarks.load import Requests
from benchmarks.workloads.base import Workload

FANOUT = Workload(name="fanout", requests=Requests("/Bench/fan_out", "100"), answer="5050", least_seconds=8)
