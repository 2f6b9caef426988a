"""The processes a peer is made of: started with a log file, ready when they answer, gone at the end."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

READY_SECONDS = 300.0
STOP_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.02
STRANGERS = ("PGDURABLE_", "RESTATE_", "PG")
"""Environment variables by which the caller's shell would configure a peer behind our back."""


class PeerError(Exception):
    """A peer did not start, or does not do what it should."""


class Process:
    """One server process, in a process group of its own so that Ctrl-C reaches only the suite."""

    def __init__(self, command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**_clean_environment(), **environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the process itself; it may have started others."""
        return self._process.pid

    def wait_ready(self, ready: Callable[[], bool]) -> None:
        """Return once ``ready()`` is true; raise with the end of the log if that can no longer happen."""
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if self._process.poll() is not None:
                raise PeerError(
                    f"{self.log.stem} exited with {self._process.returncode}:\n{self._last_words()}"
                )
            if time.monotonic() > deadline:
                raise PeerError(
                    f"{self.log.stem} is not ready after {READY_SECONDS:.0f} s:\n{self._last_words()}"
                )
            time.sleep(LOOK_AGAIN_SECONDS)

    def kill(self) -> None:
        """As a crash does it: at once, and without a word."""
        self._process.kill()

    def stop(self) -> None:
        """Ask, wait, and then insist. Stopping twice does nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):  # also the children of one that has already gone
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on. They are all held until the last is found, so no two are the same."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


def answers(url: str) -> bool:
    """Whether ``GET url`` is answered with success."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def post(url: str, body: str, *, patience_seconds: float = 30) -> str:
    """The answer to a POST of JSON, or PeerError with what was said instead."""
    request = urllib.request.Request(url, body.encode(), {"content-type": "application/json"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=patience_seconds) as response:
            return bytes(response.read()).decode()
    except urllib.error.HTTPError as error:
        raise PeerError(f"POST {url}: {error.code} {error.read().decode(errors='replace')}") from error
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        raise PeerError(f"POST {url}: {error}") from error


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(STRANGERS)}
