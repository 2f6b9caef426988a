"""The processes of both releases: workers that take requests, and an ingress, on one database."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from pgdurable.embedded.ephemeral import free_port
from tests.upgrade.app import LEDGER

if TYPE_CHECKING:
    from tests.upgrade.releases import Release

APP = Path(__file__).with_name("app.py")
PATIENCE = 120.0
OUTDATED = 3


class Member:
    """One process, with an HTTP port."""

    def __init__(self, release: Release, kind: str, dsn: str, folder: Path) -> None:
        self.release = release
        self.kind = kind
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"{kind}-{self.port}.log"
        app = [str(APP), "--unversioned"] if kind == "worker" else []
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                release.command(kind, *app, "--dsn", dsn, "--port", str(self.port)),
                cwd=folder,
                env={**release.environment, LEDGER: str(folder / "ledger")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __str__(self) -> str:
        return f"{self.kind} {self._process.pid} of {self.release.name}"

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def await_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if httpx.get(f"{self.url}/restate/health").is_success:
                    return
            except httpx.HTTPError:
                pass
            assert self.exit_code is None, f"{self} ended with {self.exit_code}:\n{self.log}"
            assert time.monotonic() < deadline, f"{self} is not ready:\n{self.log}"
            time.sleep(0.05)

    def stop(self) -> None:
        """As a roll-out does it. One that was outdated has stopped by itself."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE)
        assert code in (0, OUTDATED), f"{self} ended with {code}:\n{self.log}"

    def kill(self) -> None:
        if self.exit_code is None:
            self._process.kill()
            self._process.wait(PATIENCE)
