"""Timers: very many short sleeps at once, and how late they end.

The sleepers begin one after the other over the time for which they sleep, so that at the end of that time
all of them are asleep, and as many wake up every second as began. A peer that cannot begin so many a second
has fewer of them asleep at once: the log of the run says how many there were.
"""

import json
import time

from benchmarks.load import Requests, Sample, drive
from benchmarks.process import post
from benchmarks.workloads.base import Workload

SLEEP_SECONDS = 5
CONNECTIONS = 128
LOOK_AGAIN_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
"""So long nothing may happen before the rest is given up."""


class Sleepers(Workload):
    """The clients are the sleepers; p50 and p99 are how late they woke up."""

    def measure(self, url: str, *, clients: int, seconds: float) -> Sample:
        """Start them, and wait for the last; ``seconds`` do not matter."""
        requests = Requests(
            "/Bench/sleeper/send", str(SLEEP_SECONDS), count=clients, pace=clients / SLEEP_SECONDS
        )
        begun = time.monotonic()
        drive(url, requests, clients=CONNECTIONS, seconds=seconds + clients / 100)
        told = self._wait(url, clients)
        slept = int(told["slept"])
        return Sample(
            seconds=time.monotonic() - begun,
            good=slept,
            errors=clients - slept,
            p50_ms=told["p50_ms"],
            p99_ms=told["p99_ms"],
            note=f"{told['most']:,.0f} asleep at once",
        )

    def _wait(self, url: str, count: int) -> dict[str, float]:
        before, since = -1.0, time.monotonic()
        while True:
            told: dict[str, float] = json.loads(post(url + self.requests.path, self.requests.body))
            if told["slept"] != before:
                before, since = told["slept"], time.monotonic()
            if told["slept"] >= count or time.monotonic() - since > PATIENCE_SECONDS:
                return told
            time.sleep(LOOK_AGAIN_SECONDS)


SLEEPERS = Sleepers(name="sleepers", compared=False, requests=Requests("/Bench/lateness", "0"))
