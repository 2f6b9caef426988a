"""Makes processes of the engine by forking, because importing everything takes a second and forking none.

The children are processes like any other: they can be killed, stopped and continued. Speaks JSON, one line a
request: a specification for `child`, answered with the pid. Ends, with all children, when its input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import uvloop

from pgdurable.config import Settings
from pgdurable.deployment import UNVERSIONED, Deployment
from pgdurable.engine.instruments import Instruments
from pgdurable.engine.notifier import Notifier
from pgdurable.loader import load_app
from pgdurable.node import Address, Node
from pgdurable.store.heart import Heart
from pgdurable_admin.server import AdminServer

# What a node imports only when it has an ingress: before the fork, or each child would do so anew.
for _module in ("pgdurable.ingress.app", "pgdurable.ingress.server"):
    import_module(_module)

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000


def serve() -> None:
    """Fork on request. Exit codes of children go to ``<output>.exit``."""
    children: dict[int, str] = {}

    def reap(*_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                tell(Path(children.pop(found[0])), os.waitstatus_to_exitcode(found[1]))

    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin:
        specification = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            run(specification)
        children[pid] = specification["output"] + ".exit"
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        print(pid, flush=True)  # noqa: T201 (the answer)
    for pid in list(children):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def tell(path: Path, exit_code: int) -> None:
    """All at once: who looks finds no file, or one with the code in it."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(str(exit_code))
    unfinished.replace(path)


def run(specification: dict[str, Any]) -> NoReturn:
    """Be the child."""
    code = 1
    try:
        # A session of its own: the kernel hangs up a whole process group that loses its parent while one of
        # it is stopped, and other tests stop processes.
        os.setsid()
        die_with_parent()
        output = os.open(specification["output"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nowhere), (1, output), (2, output)):
            os.dup2(source, target)
        enter(specification["network"])
        os.environ |= specification["environment"]
        logging.basicConfig(
            level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
        )
        logging.getLogger("asyncio").setLevel(logging.INFO)
        code = uvloop.run(child(specification))
    except BaseException:  # noqa: BLE001 (nothing may get back into the parent's code)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


async def child(specification: dict[str, Any]) -> int:
    """One node until SIGTERM, as ``pgdurable worker`` and ``pgdurable ingress`` run it."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if specification["mute"]:
        Notifier.send = lambda self, channel, line: None  # type: ignore[method-assign]
    if specification["heartless"]:
        Heart._renew = lambda self, connection: True  # type: ignore[method-assign]  # pyright: ignore
    for hook in specification["hooks"]:
        module, _, function = hook.partition(":")
        getattr(import_module(module), function)()
    instruments = Instruments()
    instruments.always_replay = specification["always_replay"]
    app, port = specification["app"], specification["port"]
    loaded = load_app(app) if app else None
    node = Node(
        specification["dsn"],
        listen_dsn=specification["listen_dsn"],
        services=loaded.services if loaded else (),
        codec=loaded.journal_value_codec if loaded else None,
        deployment=Deployment(version) if (version := specification["deployment"]) else UNVERSIONED,
        ingress=Address("127.0.0.1", port) if port else None,
        settings=Settings(**specification["settings"]),
        instruments=instruments,
    )
    await node.start()
    admin = None
    if specification["admin"]:
        admin = AdminServer(node.access, "127.0.0.1", specification["admin"])
        await admin.start()
    print("ready", file=sys.stderr, flush=True)  # noqa: T201 (waited for)
    stopped, failed = asyncio.create_task(stop.wait()), asyncio.create_task(node.failed())
    await asyncio.wait((stopped, failed), return_when=asyncio.FIRST_COMPLETED)
    if admin is not None:
        await admin.stop()
    await node.stop()
    return 3 if failed.done() else 0


def enter(network: str | None) -> None:
    """A network namespace, by its name."""
    if network is not None:
        handle = os.open(f"/run/netns/{network}", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"no network namespace {network}")
        os.close(handle)


def die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    serve()
