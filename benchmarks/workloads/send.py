"""Messages: what it costs to accept an invocation durably, while earlier ones are run."""

from benchmarks.load import Requests
from benchmarks.workloads.base import Workload

SEND = Workload(name="send", requests=Requests("/Bench/echo/send", '"hello"'))
