"""An empty handler: what it costs to accept, run and answer one durable invocation."""

from benchmarks.load import Requests
from benchmarks.workloads.base import Workload

ECHO = Workload(name="echo", requests=Requests("/Bench/echo", '"hello"'), answer='"hello"')
