"""The process that runs the application. Started by `process.Child`, never by a person.

python -P -m pgdurable_cli.dev.child <descriptor of the channel> <plan as JSON>
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from pgdurable_cli.dev.channel import (
    ChildPlan,
    Failed,
    FromChild,
    Loaded,
    Ready,
    ServiceInfo,
    Start,
    Stop,
    ToChild,
    encode,
    to_child,
)
from pgdurable_cli.errors import Failure
from pgdurable_cli.serving import Endpoint, Serving, load, run, serve, set_up_logging

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import FrameType, ModuleType

    from pgdurable.loader import Definition

ORPHANED = 70


class Parent:
    """The other end of the channel. Listened to by a thread, so that no handler that hogs the loop or the
    import of an application keeps this process from noticing that it has been left alone.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._start: SimpleQueue[Start] = SimpleQueue()
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        threading.Thread(target=self._listen, name="channel", daemon=True).start()

    def tell(self, message: FromChild) -> None:
        self._channel.sendall(encode(message))

    def await_start(self) -> Start:
        return self._start.get()

    def stopping(self) -> asyncio.Event:
        """An event of the running loop, set when the parent says so."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        if self._stop.is_set():
            self._stopping.set()
        return self._stopping

    def _listen(self) -> None:
        with self._channel.makefile("rb") as lines:
            for line in lines:
                message: ToChild = to_child.decode(line)
                match message:
                    case Start():
                        self._start.put(message)
                    case Stop():
                        self._on_stop()
        # Nobody is there any more: end as in a crash, for the ports belong to whoever comes next.
        os._exit(ORPHANED)

    def _on_stop(self) -> None:
        self._stop.set()
        if self._loop is None or self._stopping is None:
            os._exit(0)  # nothing has begun
        self._loop.call_soon_threadsafe(self._stopping.set)


def main(descriptor: str, plan_json: str) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Meant for both, and the parent decides. Not SIG_IGN: what the application starts would inherit it.
        signal.signal(number, nothing)
    parent = Parent(socket.socket(fileno=int(descriptor)))
    plan = msgspec.json.decode(plan_json, type=ChildPlan)
    set_up_logging(plan.verbose)
    try:
        app = load(plan.app)
        parent.tell(Loaded([describe(service) for service in app.services], directories(plan.app)))
        serving = Serving(
            parent.await_start().dsn,
            app.services,
            Endpoint(plan.host, plan.port),
            Endpoint(plan.host, plan.admin_port),
            codec=app.journal_value_codec,
        )
        run(serve_for(parent, serving))
    except Failure as failure:
        parent.tell(Failed(failure.format_message()))
        return 1
    return 0


def nothing(number: int, frame: FrameType | None) -> None:
    """A handler for signals that are heeded elsewhere."""


async def serve_for(parent: Parent, serving: Serving) -> None:
    await serve(serving, parent.stopping(), lambda: parent.tell(Ready()))


def describe(service: Definition) -> ServiceInfo:
    return ServiceInfo(service.name, service.type.value, list(service.handlers))


def directories(app: str) -> list[str]:
    """Those of the application's own modules. Each is watched alone: a project may hold a whole `.venv`."""
    found = {str(path.parent) for path in own_files(sys.modules.values(), roots(app))}
    return sorted(found)


def roots(app: str) -> list[Path]:
    place = Path(app.partition(":")[0])
    here = Path.cwd().resolve()
    return [here, place.resolve().parent] if place.suffix == ".py" else [here]


def own_files(modules: Iterable[ModuleType], roots: Sequence[Path]) -> Iterable[Path]:
    """Files of modules below the roots that are neither installed packages nor pgdurable itself."""
    for module in list(modules):
        name, file = getattr(module, "__name__", ""), getattr(module, "__file__", None)
        if not file or name == "__main__" or name.partition(".")[0].startswith("pgdurable"):
            continue
        path = Path(file).resolve()
        if any(path.is_relative_to(root) for root in roots) and not installed(path):
            yield path


def installed(path: Path) -> bool:
    return "site-packages" in path.parts or path.is_relative_to(Path(sys.prefix).resolve())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
