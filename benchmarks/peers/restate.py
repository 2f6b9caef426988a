"""Restate: the server from npm, the handlers with its Python SDK under hypercorn, or with its TypeScript SDK.

The server has its default configuration but for addresses and telemetry; its durability is then its own
default, as PostgreSQL's is on the other side. Hypercorn has the settings that Restate's documentation
recommends for production, with one process: on two cores a second process, uvloop, or both made nothing
faster (echo at 32 clients: 940 requests/s as it is, 860 with two processes, 820 with uvloop).
"""

import json
import shutil
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.install import node, npm_package, virtual_environment
from benchmarks.peers.base import Peer
from benchmarks.process import Process, answers, free_ports, listens, post

SERVER = "1.7.12"
PYTHON_SDK = "1.3.0"
TYPESCRIPT_SDK = "1.17.2"
HYPERCORN = "0.18.0"
APPS = Path(__file__).parents[1] / "apps"
UNLIMITED = 2**31 - 1
HYPERCORN_CONFIG = f"""\
h2_max_concurrent_streams = {UNLIMITED}
keep_alive_max_requests = {UNLIMITED}
keep_alive_timeout = {UNLIMITED}
workers = 1
"""


class _Restate(Peer):
    """One Restate node, and one process with the handlers that a subclass starts."""

    most_sleepers = 5_000
    _server: Path

    def install(self) -> None:
        """The server, in its folder of the cache."""
        modules = npm_package("@restatedev/restate-server", SERVER)
        # The package proper is a Node script around this binary, which npm chose for the platform.
        self._server = next(modules.glob("@restatedev/restate-server-*/bin/restate-server"))

    def start(self, folder: Path) -> str:
        """Server and handlers start side by side; then the one is told about the other."""
        node, ingress, admin, handlers = free_ports(4)
        server = self._start_server(folder, node, ingress, admin)
        app = self._start_app(folder, handlers)
        server.wait_ready(lambda: answers(f"http://127.0.0.1:{admin}/health"))
        app.wait_ready(lambda: listens(handlers))
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

    @abstractmethod
    def _start_app(self, folder: Path, port: int) -> Process: ...


class RestatePython(_Restate):
    """With the handlers in Python."""

    name: ClassVar[str] = "restate"
    _python: Path

    def install(self) -> None:
        """Server and SDK, each in its folder of the cache."""
        super().install()
        requirements = [f"restate-sdk=={PYTHON_SDK}", f"hypercorn=={HYPERCORN}"]
        self._python = virtual_environment("restate-python", requirements)

    def versions(self) -> Mapping[str, str]:
        """As pinned above."""
        return {"restate-server": SERVER, "restate-sdk (Python)": PYTHON_SDK, "hypercorn": HYPERCORN}

    def _start_app(self, folder: Path, port: int) -> Process:
        config = folder / "hypercorn.toml"
        config.write_text(HYPERCORN_CONFIG)
        address = f"127.0.0.1:{port}"
        command: list[str | Path] = [self._python, "-m", "hypercorn", "--config", config, "--bind", address]
        command.append("restate_app:app")
        return self._spawn("restate-app", command, folder, PYTHONPATH=str(APPS))


class RestateTypeScript(_Restate):
    """With the handlers in JavaScript, on Node."""

    name: ClassVar[str] = "restate-ts"
    _modules: Path

    def install(self) -> None:
        """Server and SDK, each in its folder of the cache."""
        super().install()
        self._modules = npm_package("@restatedev/restate-sdk", TYPESCRIPT_SDK)

    def versions(self) -> Mapping[str, str]:
        """As pinned above."""
        return {"restate-server": SERVER, "restate-sdk (TypeScript)": TYPESCRIPT_SDK}

    def _start_app(self, folder: Path, port: int) -> Process:
        # Node looks for packages beside the file that imports them.
        app = self._modules.parent / "restate_app.mjs"
        shutil.copyfile(APPS / app.name, app)
        environment = {"PORT": str(port), "NODE_ENV": "production", "RESTATE_LOGGING": "WARN"}
        command = [node(), app]
        return self._spawn("restate-app", command, folder, **environment)
