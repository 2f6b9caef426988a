"""wrk as a function: so many clients for so many seconds on one URL, and what they saw.

The generator is in C so that the clients do not set the pace: on a small machine a Python client would take
more of the processor than the servers it measures. It runs one thread, so that it can never take more
than one core.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from math import ceil
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")
PATIENCE_SECONDS = 30
"""wrk gives up on a request after two seconds unless told otherwise, and would then leave out the slowest."""


class LoadError(Exception):
    """The load could not be generated, so there is nothing to report."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What is sent, again and again. ``{key}`` in ``path`` takes the values 1 to ``keys`` in turn."""

    path: str
    body: str
    keys: int = 1
    count: int = 0
    """How many are sent in all; 0: as many as the time allows. The sample then has no latencies."""
    pace: float = 0
    """How many a second are sent at most, of a count; 0: no limit."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. Latencies are wrk's, which adds the requests a stalled client would have sent."""

    seconds: float
    good: int
    errors: int
    p50_ms: float
    p99_ms: float
    note: str = ""
    """What else there is to say, for people."""

    @property
    def rate(self) -> float:
        """Good answers per second: a peer that fails fast is not fast."""
        return self.good / self.seconds


@dataclass(frozen=True, slots=True)
class _Result:
    """The line that load.lua prints."""

    seconds: float
    answered: int
    sent: int
    bad_status: int
    broken: int
    late: int
    p50_ms: float
    p99_ms: float

    def sample(self, clients: int) -> Sample:
        # At the end each client has at most one request under way. Whatever else is missing was dropped.
        dropped = max(0, self.sent - self.answered - clients)
        errors = self.bad_status + max(self.broken, dropped) + self.late
        return Sample(self.seconds, self.answered - self.bad_status, errors, self.p50_ms, self.p99_ms)


def find_wrk() -> str:
    """The path of wrk, or an error that says how to get it."""
    if found := shutil.which("wrk"):
        return found
    raise LoadError(
        "the load generator wrk is not installed: `apt-get install wrk` (Debian, Ubuntu), "
        "`dnf install wrk` (Fedora), `brew install wrk` (macOS), or https://github.com/wg/wrk"
    )


def drive(url: str, requests: Requests, *, clients: int, seconds: float) -> Sample:
    """Keep ``clients`` requests under way at ``url``: each client sends its next one when it is answered."""
    options = [
        "-t1",
        f"-c{clients}",
        f"-d{ceil(seconds)}s",
        f"--timeout={PATIENCE_SECONDS}s",
        f"--script={SCRIPT}",
    ]
    numbers = (requests.keys, requests.count, requests.pace)
    arguments = [requests.path, requests.body, *(str(number) for number in numbers)]
    done = subprocess.run(
        [find_wrk(), *options, url, "--", *arguments], capture_output=True, text=True, check=False
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return _Result(**json.loads(line.removeprefix("RESULT "))).sample(clients)
    raise LoadError(f"wrk measured nothing at {url}: {done.stderr.strip() or done.stdout.strip()}")
