"""What the suite asks of a workload."""

from dataclasses import dataclass

from benchmarks.load import Requests, Sample, drive
from benchmarks.process import PeerError, post

PATIENCE_SECONDS = 120
"""After a load a peer may have much to finish before it answers the next request."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request. Subclass it where measuring takes more than a flood of requests."""

    name: str
    requests: Requests
    answer: str | None = None
    """The right answer to every request, where there is but one."""
    least_seconds: int = 0
    """A measurement takes at least so long: the peers' answers have to come within it to be counted."""
    compared: bool = True
    """Whether more requests a second are better, so that peers are compared by them."""

    def check(self, url: str) -> None:
        """Make one request as the clients will, so that what is measured is known to work."""
        path = self.requests.path.replace("{key}", "1")
        answer = post(url + path, self.requests.body, patience_seconds=PATIENCE_SECONDS)
        if self.answer is not None and answer != self.answer:
            raise PeerError(f"{self.name} at {url} answers {answer!r} and not {self.answer!r}")

    def measure(self, url: str, *, clients: int, seconds: float) -> Sample:
        """Load the peer at ``url``."""
        return drive(url, self.requests, clients=clients, seconds=seconds)
