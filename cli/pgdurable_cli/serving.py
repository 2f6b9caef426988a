"""One process of the engine, from its start to its end: worker, ingress and admin API on one event loop.

What `dev`, `worker` and `ingress` have in common. Whatever keeps a process from starting becomes one line.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdurable.deployment import UNVERSIONED, Deployment
from pgdurable_cli.errors import Failure, Outdated

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
    from typing import Any

    from pgdurable.loader import App, Definition
    from pgdurable.node import Node
    from pgdurable_sdk.codec import JournalValueCodec, JournalValueCodecProvider

GC_YOUNG = 10_000
"""Objects made before the youngest are looked through; Python's 700 are for programs that make fewer."""
GC_LOADING = 50_000
"""Likewise, until it serves. Not without end: that may be long, while PostgreSQL is away."""

__all__ = [
    "Endpoint",
    "Serving",
    "derived",
    "expect_to_load",
    "load",
    "run",
    "serve",
    "serve_until_signal",
    "set_up_logging",
]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server of this process listens."""

    host: str
    port: int
    listener: socket.socket | None = None
    """Bound there already, by the parent of several such processes."""

    @property
    def url(self) -> str:
        """As one types it on this machine."""
        here = self.host in ("127.0.0.1", "0.0.0.0", "::", "::1", "localhost")
        return f"http://{'localhost' if here else self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Serving:
    """What a process serves."""

    dsn: str
    listen_dsn: str | None = None
    services: Sequence[Definition] = ()
    ingress: Endpoint | None = None
    admin: Endpoint | None = None
    codec: JournalValueCodec | JournalValueCodecProvider | None = None
    deployment: Deployment = UNVERSIONED


def load(app: str) -> App:
    """The app of a file or module. Raises Failure with the place of the error."""
    from pgdurable.loader import AppLoadError, load_app

    try:
        return load_app(app)
    except AppLoadError as error:
        raise Failure(str(error)) from None
    except SystemExit as error:
        raise Failure(f"{app} ended the process while it was loaded (exit code {error.code})") from None


def derived(app: App) -> Deployment:
    """The deployment that the app's code says. Raises Failure where there are no files."""
    from pgdurable.fingerprint import NoSources
    from pgdurable.fingerprint import derived as derived_from

    try:
        return derived_from(app)
    except NoSources as error:
        raise Failure(f"{error} to derive a deployment id from", "say --deployment ID") from None


async def serve(serving: Serving, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Serve until `stop` is set. Raises Failure when that is not possible, or no longer."""
    async with serving_node(serving) as node:
        spare_the_collector()
        ready()
        stopped, failed = asyncio.create_task(stop.wait()), asyncio.create_task(node.failed())
        await asyncio.wait((stopped, failed), return_when=asyncio.FIRST_COMPLETED)
        broken = failed.done()
        for task in (stopped, failed):
            task.cancel()
    if node.outdated is not None:
        raise Outdated(node.outdated)
    if broken:
        raise Failure("the engine has stopped by itself, the log says why")


@asynccontextmanager
async def serving_node(serving: Serving) -> AsyncGenerator[Node]:
    """Started, and in the end stopped: what runs may finish, what cannot is given back."""
    from pgdurable.node import Address, Node
    from pgdurable.store import errors

    at = serving.ingress
    ingress = Address(at.host, at.port, at.listener) if at else None
    node = Node(
        serving.dsn,
        listen_dsn=serving.listen_dsn,
        services=serving.services,
        ingress=ingress,
        codec=serving.codec,
        deployment=serving.deployment,
    )
    async with AsyncExitStack() as stack:
        try:
            await node.start()
            stack.push_async_callback(node.stop)
            await start_admin(serving, node, stack)
        except errors.Outdated as error:
            raise Outdated(str(error)) from error
        except errors.StoreError as error:
            raise Failure(str(error)) from error
        except OSError as error:
            raise Failure(error.strerror or str(error)) from error
        yield node


async def start_admin(serving: Serving, node: Node, stack: AsyncExitStack) -> None:
    if serving.admin is None:
        return
    from pgdurable_admin.server import AdminServer

    ingress_url = serving.ingress.url if serving.ingress else None
    server = AdminServer(node.access, serving.admin.host, serving.admin.port, ingress_url=ingress_url)
    stack.push_async_callback(server.stop)
    await server.start()


def expect_to_load() -> None:
    """Imports make much that stays: 15 to 25 % of their time went into looking through it for garbage."""
    gc.set_threshold(GC_LOADING)


def spare_the_collector() -> None:
    """What is loaded by now stays: looking through it all for garbage took 40 ms, each second under load."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_YOUNG)


def serve_until_signal(serving: Serving, ready: Callable[[], None]) -> None:
    """Serve in this process until SIGINT or SIGTERM."""

    async def until_signal() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(serving, stop, ready)

    run(until_signal())


def run(main: Coroutine[Any, Any, None]) -> None:
    """On uvloop where there is one."""
    if sys.platform == "win32":
        asyncio.run(main)
    else:
        import uvloop

        uvloop.run(main)


def set_up_logging(verbose: bool) -> None:
    """The application's log and the engine's on stderr; the web server's only where something is wrong."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    for name in ("_granian", "granian", "asyncio", "watchfiles"):
        logging.getLogger(name).setLevel(logging.WARNING)
