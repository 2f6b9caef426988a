"""The process that runs the application. Started by `process.Child`, never by a person.

python -P -m pgdurable_cli.children.child <descriptor of the channel> <plan as JSON>
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from pgdurable_cli.children.application import Application
from pgdurable_cli.children.channel import (
    Failed,
    FromChild,
    Plan,
    Ready,
    Start,
    Stop,
    ToChild,
    encode,
    to_child,
)
from pgdurable_cli.errors import Failure, Outdated
from pgdurable_cli.serving import expect_to_load, run, serve, set_up_logging

if TYPE_CHECKING:
    from types import FrameType

    from pgdurable_cli.serving import Serving

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
    expect_to_load()
    parent = Parent(inherited(int(descriptor)))
    plan = msgspec.json.decode(plan_json, type=Plan)
    listener = None if plan.listener is None else inherited(plan.listener)
    set_up_logging(plan.verbose)
    try:
        application = Application(plan)
        parent.tell(application.loaded())
        run(serve_for(parent, application.serving(parent.await_start(), listener)))
    except Failure as failure:
        parent.tell(Failed(failure.format_message(), isinstance(failure, Outdated)))
        return failure.exit_code
    return 0


def inherited(descriptor: int) -> socket.socket:
    """A socket that came from the parent, and that no process of the application's is to keep open."""
    given = socket.socket(fileno=descriptor)
    given.set_inheritable(False)
    return given


def nothing(number: int, frame: FrameType | None) -> None:
    """A handler for signals that are heeded elsewhere."""


async def serve_for(parent: Parent, serving: Serving) -> None:
    await serve(serving, parent.stopping(), lambda: parent.tell(Ready()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
