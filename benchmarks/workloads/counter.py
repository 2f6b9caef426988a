"""Reading and writing the state of objects: of a thousand, and of a single one that everybody wants."""

from benchmarks.load import Requests
from benchmarks.workloads.base import Workload

COUNTER = Workload(name="counter", requests=Requests("/Counter/{key}/add", "1", keys=1000))
HOTKEY = Workload(name="hotkey", requests=Requests("/Counter/hot/add", "1"))
