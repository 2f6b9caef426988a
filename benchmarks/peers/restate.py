"""Restate: the server from npm, the handlers with its Python SDK under hypercorn.

The server has its default configuration but for addresses and telemetry; its durability is then its own
default, as PostgreSQL's is on the other side. Hypercorn has the settings that Restate's documentation
recommends for production, with one process: on two cores a second process, uvloop, or both made nothing
faster (echo at 32 clients: 940 requests/s as it is, 860 with two processes, 820 with uvloop).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.install import npm_package, virtual_environment
from benchmarks.peers.base import Peer
from benchmarks.process import Process, answers, free_ports, post

SERVER = "1.7.12"
SDK = "1.3.0"
HYPERCORN = "0.18.0"
APPS = Path(__file__).parents[1] / "apps"
UNLIMITED = 2**31 - 1
HYPERCORN_CONFIG = f"""\
h2_max_concurrent_streams = {UNLIMITED}
keep_alive_max_requests = {UNLIMITED}
keep_alive_timeout = {UNLIMITED}
workers = 1
"""


class Restate(Peer):
    """One Restate node and one Python process with the handlers."""

    name: ClassVar[str] = "restate"
    _server: Path
    _python: Path

    def install(self) -> None:
        """Server and SDK, each in its folder of the cache."""
        modules = npm_package("@restatedev/restate-server", SERVER)
        # The package proper is a Node script around this binary, which npm chose for the platform.
        self._server = next(modules.glob("@restatedev/restate-server-*/bin/restate-server"))
        self._python = virtual_environment(
            "restate-python", [f"restate-sdk=={SDK}", f"hypercorn=={HYPERCORN}"]
        )

    def versions(self) -> Mapping[str, str]:
        """As pinned above."""
        return {"restate-server": SERVER, "restate-sdk (Python)": SDK, "hypercorn": HYPERCORN}

    def start(self, folder: Path) -> str:
        """Server and handlers start side by side; then the one is told about the other."""
        node, ingress, admin, handlers = free_ports(4)
        server = self._start_server(folder, node, ingress, admin)
        app = self._start_app(folder, handlers)
        server.wait_ready(lambda: answers(f"http://127.0.0.1:{admin}/health"))
        app.wait_ready(lambda: answers(f"http://127.0.0.1:{handlers}/health"))
        post(f"http://127.0.0.1:{admin}/deployments", json.dumps({"uri": f"http://127.0.0.1:{handlers}"}))
        server.wait_ready(lambda: answers(f"http://127.0.0.1:{ingress}/restate/health"))
        return f"http://127.0.0.1:{ingress}"

    def _start_server(self, folder: Path, node: int, ingress: int, admin: int) -> Process:
        return self._spawn(
            "restate-server",
            [self._server, "--no-logo", "--base-dir", folder / "data"],
            folder,
            RESTATE_BIND_IP="127.0.0.1",
            RESTATE_BIND_PORT=str(node),
            RESTATE_INGRESS__BIND_PORT=str(ingress),
            RESTATE_ADMIN__BIND_PORT=str(admin),
            RESTATE_DISABLE_TELEMETRY="true",
        )

    def _start_app(self, folder: Path, port: int) -> Process:
        config = folder / "hypercorn.toml"
        config.write_text(HYPERCORN_CONFIG)
        return self._spawn(
            "restate-app",
            [
                self._python,
                "-m",
                "hypercorn",
                "--config",
                config,
                "--bind",
                f"127.0.0.1:{port}",
                "restate_app:app",
            ],
            folder,
            PYTHONPATH=str(APPS),
        )
