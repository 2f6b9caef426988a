"""`pgdurable` as a process of its own, whose output is waited for line by line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

APP = """
import pgdurable

greeter = pgdurable.Service("Greeter")


@greeter.handler()
async def greet(ctx: pgdurable.Context, name: str) -> str:
    return f"Hello {name}"
"""


@dataclass
class Running:
    """A process with its output so far."""

    process: subprocess.Popen[str]
    ports: dict[str, int]
    told: list[str] = field(default_factory=list[str])

    def await_line(self, part: str) -> str:
        """The next line with this in it. Fails when the process ends first."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(line.rstrip("\n"))
            if part in line:
                return line.rstrip("\n")
        raise AssertionError(f"{part!r} was never said:\n" + "\n".join(self.told))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after this signal."""
        self.process.send_signal(number)
        return self.await_end()

    def await_end(self) -> int:
        assert self.process.stdout is not None
        self.told += self.process.stdout.read().splitlines()
        return self.process.wait()

    def post(self, path: str, body: Any = None) -> Any:
        """The answer to a request. When there is none, what the process said is part of the error."""
        try:
            answer = httpx.post(f"http://127.0.0.1:{self.ports['--port']}{path}", json=body, timeout=30)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            self.end()
            raise AssertionError("\n".join([str(error), *self.told])) from error
        return answer.json()


@contextmanager
def started(*arguments: str | Path, **ports: int) -> Generator[Running]:
    """Everything that it starts ends with it. Standard error comes with standard output."""
    options = {f"--{name.replace('_', '-')}": port for name, port in ports.items()}
    command = [sys.executable, "-m", "pgdurable_cli", *map(str, arguments)]
    command += [word for option, port in options.items() for word in (option, str(port))]
    environment = {name: value for name, value in os.environ.items() if name != "PGDURABLE_DSN"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as process:
        try:
            yield Running(process, options)
        finally:
            if process.poll() is None:
                process.terminate()


def ended(*arguments: str | Path, **ports: int) -> tuple[int, list[str]]:
    """Exit code and output of a process that is not expected to stay."""
    with started(*arguments, **ports) as running:
        code = running.await_end()
    return code, running.told
