"""The child as the parent sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Self

import msgspec

from pgdurable_cli.children.channel import (
    Failed,
    FromChild,
    Loaded,
    Plan,
    Ready,
    Start,
    Stop,
    encode,
    from_child,
)
from pgdurable_cli.errors import Failure, Outdated

if TYPE_CHECKING:
    from asyncio.subprocess import Process

__all__ = ["Child"]

STOP_SECONDS = 12.0  # a worker gives its attempts five of them


class Child:
    """A process that imports the application at once, and serves it when told to."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._ended = asyncio.create_task(process.wait())
        self._since = time.monotonic()

    @classmethod
    async def spawn(cls, plan: Plan, listener: socket.socket | None = None) -> Self:
        """``listener`` is where its ingress listens; the caller keeps it, too."""
        ours, theirs = socket.socketpair()
        inherited = [theirs.fileno()]
        if listener is not None:
            inherited.append(listener.fileno())
            plan = msgspec.structs.replace(plan, listener=listener.fileno())
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "pgdurable_cli.children.child",
                str(theirs.fileno()), msgspec.json.encode(plan).decode(),
                pass_fds=inherited,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        return cls(process, *await asyncio.open_connection(sock=ours))

    @property
    def pid(self) -> int:
        return self._process.pid

    async def loaded(self) -> Loaded:
        """What the application is. Raises Failure when it cannot be imported."""
        message = await self._hear()
        assert isinstance(message, Loaded), f"a child first tells what it has loaded, not {message!r}"
        return message

    async def start(self, start: Start) -> None:
        """Have it serve. Raises Failure when it cannot."""
        self._tell(start)
        message = await self._hear()
        assert isinstance(message, Ready), f"a started child tells when it is ready, not {message!r}"

    async def stop(self) -> bool:
        """Let it finish what runs; kill it when that takes too long. Nothing is lost either way.

        Whether it ended by itself.
        """
        self._tell(Stop())
        try:
            await asyncio.wait_for(asyncio.shield(self._ended), STOP_SECONDS)
        except TimeoutError:
            self.kill()
            await self._ended
        finally:
            self._writer.close()
        return self._process.returncode != -signal.SIGKILL

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    @property
    def lived(self) -> float:
        """Seconds since it was spawned."""
        return time.monotonic() - self._since

    async def wait(self) -> None:
        """Return when it has ended."""
        await asyncio.shield(self._ended)

    async def reason(self) -> str:
        """Why an ended child ended, in words. Raises Outdated where the next one would end for it, too."""
        code = await asyncio.shield(self._ended)
        try:
            if isinstance(message := from_child.decode(await self._reader.readline()), Failed):
                if message.outdated:
                    raise Outdated(message.message)
                return message.message
        except (ConnectionError, msgspec.DecodeError):
            pass
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

    def _tell(self, message: Start | Stop) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def _hear(self) -> FromChild:
        """Its next message. Raises Failure for that it failed, or ended without a word."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            line = b""
        if not line:
            raise Failure(f"the application's process ended while starting ({await self.reason()})")
        message: FromChild = from_child.decode(line)
        if isinstance(message, Failed):
            raise (Outdated if message.outdated else Failure)(message.message)
        return message
