"""Processes of the engine, as tests hold them: to be killed, stopped, continued and ended."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.engine.ledger import VARIABLE
from tests.engine.watching import until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

ROOT = Path(__file__).parents[2]
APPS = ROOT / "tests" / "engine" / "apps"
NUMBERS = itertools.count(1)
RELEASE = "PGDURABLE_TEST_RELEASE"
READY = "ready"
"""The line that a process writes once it serves."""


class Process:
    """A worker, an ingress or both, running or not."""

    def __init__(self, pid: int, output: Path, port: int | None = None) -> None:
        self.pid = pid
        self.port = port
        self._output = output
        self._exit = output.with_name(output.name + ".exit")
        self._serves = False

    def kill(self) -> None:
        """As a crash does it, at once and without a word."""
        with suppress(ProcessLookupError):  # it has just done so itself
            self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to stop."""
        self._signal(signal.SIGTERM)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    @property
    def exit_code(self) -> int | None:
        return int(self._exit.read_text()) if self._exit.exists() else None

    @property
    def log(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def serves(self) -> bool:
        """Whether it has started."""
        if not self._serves:
            # A line of its own: "sorry, too many clients already" is the end of another story.
            self._serves = self._output.exists() and f"\n{READY}\n" in f"\n{self.log}"
        return self._serves

    async def ready(self) -> Process:
        """When it serves."""

        def look() -> bool:
            assert self.exit_code is None, f"it ended:\n{self.log}"
            return self.serves

        await until(look, 60, lambda: f"a process that is ready, but:\n{self.log}")
        return self

    async def ended(self, within: float = 60) -> int:
        """Its exit code, once it has one."""
        await until(lambda: self.exit_code is not None, within, lambda: f"an end of\n{self.log[-5000:]}")
        assert self.exit_code is not None
        return self.exit_code

    def _signal(self, number: signal.Signals) -> None:
        assert self.exit_code is None, f"it ended with {self.exit_code} before:\n{self.log[-5000:]}"
        os.kill(self.pid, number)


class Nursery:
    """The parent of all of them."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait(60)
        self._parent.stdout.close()

    def begin(
        self,
        folder: Path,
        dsn: str,
        *,
        listen_dsn: str | None = None,
        app: str | None,
        port: int | None = None,
        admin: int | None = None,
        mute: bool = False,
        heartless: bool = False,
        always_replay: bool = False,
        deployment: str | None = "dp_test",
        release: str = "",
        hooks: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        network: str | None = None,
        ledger: Path,
        settings: dict[str, Any],
    ) -> Process:
        """A new process; not ready yet.

        ``app`` is a file in apps/, or ``module:name``. ``port`` and ``admin`` are of its HTTP.
        ``mute``: it sends no notifications, as if all were lost. ``heartless``: it believes that its lease is
        renewed, and nobody else does. ``always_replay``: every attempt ends at its next await.
        ``deployment``: None is unversioned. ``release`` is for apps that come in several.
        ``hooks``, each ``module:function``, are called before anything else: they break it on purpose.
        ``network`` is the name of a network namespace, for root.
        """
        output = folder / f"process-{next(NUMBERS)}.log"
        specification = {
            "dsn": dsn,
            "listen_dsn": listen_dsn,
            "app": app if app is None or ":" in app else str(APPS / app),
            "port": port,
            "admin": admin,
            "mute": mute,
            "heartless": heartless,
            "always_replay": always_replay,
            "deployment": deployment,
            "hooks": list(hooks),
            "network": network,
            "settings": settings,
            "environment": {VARIABLE: str(ledger), RELEASE: release, **(environment or {})},
            "output": str(output),
        }
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(specification) + "\n")
        self._parent.stdin.flush()
        return Process(int(self._parent.stdout.readline()), output, port)
