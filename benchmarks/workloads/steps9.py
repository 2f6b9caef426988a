"""Nine ``ctx.run`` one after the other: what a journaled step costs when nothing can be done beside it."""

from benchmarks.load import Requests
from benchmarks.workloads.base import Workload

STEPS9 = Workload(name="steps9", requests=Requests("/Bench/steps9", "100"), answer="109")
