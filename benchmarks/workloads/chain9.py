"""Nine calls one after the other: what a durable call and its result cost."""

from benchmarks.load import Requests
from benchmarks.workloads.base import Workload

CHAIN9 = Workload(name="chain9", requests=Requests("/Bench/chain9", "100"), answer="109", least_seconds=5)
