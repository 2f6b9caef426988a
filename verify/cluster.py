"""PostgreSQL, the processes that use it through links of their own, and who starts them again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import psycopg

from pgdurable.embedded import EmbeddedPostgres
from pgdurable.embedded.ephemeral import SETTINGS as POSTGRES
from pgdurable.embedded.ephemeral import free_port
from pgdurable.store import lane, listener
from pgdurable.store.migrate import migrate
from pgdurable.store.testing import execute_each, install_clock
from tests.engine.database import Database
from tests.engine.ledger import Ledger
from tests.engine.processes import ROOT, Nursery, Process
from tests.engine.proxy import Link, Proxy, through
from verify import clock
from verify.namespaces import Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from uuid import UUID

Role = Literal["worker", "ingress", "both"]

LEASE: Final = 2.0
DAZED: Final = 1.0
"""Seconds after which a process that was stopped knows again what is its."""
SETTLED: Final = {
    "lease": LEASE,
    "reap": 0.3,
    "drain": 0.5,
    "poll": 1.0,
    "missing_poll": 1.0,
    "result_poll": 0.5,
    "expire": 2.0,
    "sweep": 5.0,
    "submit_patience": 4.0,
}
DATABASE: Final = "verify"
SMALL: Final = "256m"  # the disk that can be full
HISTORY: Final = ROOT / "verify" / "history.sql"
ENDS: Final = {-15, -9, 0, 1, 9}
"""Exit codes there may be: asked to stop before it could hear of it, killed, asked to stop, no PostgreSQL at
the start, ended by a handler."""


@dataclass
class Options:
    """What a cluster is made of."""

    workers: int = 2
    ingresses: int = 1
    both: int = 1
    """Processes that are a worker and an ingress."""
    settings: dict[str, Any] = field(default_factory=lambda: dict(SETTLED))
    hooks: Sequence[str] = ()
    variant: Callable[[Slot], dict[str, Any]] = lambda slot: {}
    """How the next process of a place differs from others."""
    prepare: Callable[[str], None] = lambda dsn: None
    """What is done to the database before anybody uses it."""


class Slot:
    """The place of a process: it has one after the other, all with the same link and port."""

    def __init__(
        self,
        number: int,
        role: Role,
        link: Link,
        port: int | None,
        folder: Path,
        network: Namespace | None = None,
    ) -> None:
        self.number = number
        self.role = role
        self.link = link
        self.network = network
        """Of its own; None: it has that of the machine."""
        self.port = port
        self.clock = folder / f"clock-{number}"
        clock.set_ahead(self.clock, 0.0)
        self.process: Process | None = None
        self.frozen: list[UUID] | None = None
        """While it is stopped: the incarnations of its worker."""
        self.stopped_at = 0.0
        """When that began."""
        self.variant: dict[str, Any] = {}
        """How its next process differs from others."""

    def __str__(self) -> str:
        return f"{self.role} {self.number}"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.exit_code is None

    @property
    def serves(self) -> bool:
        """Whether its process has started, and is neither ended nor stopped."""
        return self.process is not None and self.alive and self.frozen is None and self.process.serves


class Cluster:
    """Of one round. A context manager; `start` brings the processes up."""

    def __init__(self, folder: Path, options: Options) -> None:
        self.folder = folder
        self.options = options
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.slots: list[Slot] = []
        self.ended: list[tuple[str, int, Process]] = []
        """Processes that are over: whose, and with which exit code."""
        self.dazed: list[tuple[int, float]] = []
        """Processes that went on after a stop shorter than their lease, and when: they cannot know that
        others have taken over."""
        self.small: Path | None = None
        self._stack = ExitStack()
        self._supervisor: asyncio.Task[None] | None = None

    def __enter__(self) -> Cluster:
        self.server = EmbeddedPostgres(
            self.folder / "server",
            version=18,
            port=free_port(),
            # As in real life, or `pgdurable doctor` would not be content; in memory it costs nothing.
            settings={**POSTGRES, "fsync": "on", "max_connections": "120"},
        )
        self.server.start()
        self._stack.callback(self.server.stop)
        self._mount()
        tablespace = f" tablespace {DATABASE}" if self.small else ""
        execute_each(self.server.dsn(), f"create database {DATABASE}{tablespace}")
        self.dsn = self.server.dsn(DATABASE)
        migrate(self.dsn)
        install_clock(self.dsn)
        execute_each(self.dsn, HISTORY.read_text(encoding="utf-8"))
        self.options.prepare(self.dsn)
        self.database = Database(self.dsn)
        self._stack.callback(self.database.close)
        self.proxy = self._stack.enter_context(Proxy(self.server.port))
        self.nursery = self._stack.enter_context(Nursery())
        return self

    def __exit__(self, *_: object) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
        for slot in self.slots:
            if slot.process is not None and slot.process.exit_code is None:
                slot.process.kill()
        self._stack.close()

    def _mount(self) -> None:
        """As root: a small disk for the tables, so that it can be full."""
        if os.geteuid() != 0:
            return
        small = self.folder / "small"
        small.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", small], check=False, capture_output=True
        )
        if mounted.returncode != 0:
            return
        self._stack.callback(partial(subprocess.run, ["umount", "--lazy", str(small)], check=False))
        data = small / "data"
        data.mkdir()
        owner = self.server.data_dir.stat()
        for path in (small, data):
            os.chown(path, owner.st_uid, owner.st_gid)
        execute_each(self.server.dsn(), f"create tablespace {DATABASE} location '{data}'")
        self.small = small

    def adopt(self, server: EmbeddedPostgres) -> None:
        """There is another server now, behind the same links. Its disk is a large one."""
        self._stack.callback(server.stop)
        self.server, self.small = server, None
        self.dsn = self.database.dsn = server.dsn(DATABASE)
        self.proxy.server_port = server.port

    # --- processes

    async def start(self) -> None:
        """All of them, and who looks after them."""
        options = self.options
        number_of: dict[Role, int] = {
            "worker": options.workers,
            "ingress": options.ingresses,
            "both": options.both,
        }
        roles: list[Role] = [role for role, number in number_of.items() for _ in range(number)]
        for number, role in enumerate(roles):
            port = None if role == "worker" else free_port()
            network = Namespace.make(number) if role == "worker" else None
            if network is not None:
                self._stack.callback(network.remove)
            link = self.proxy.link(network.host if network else "127.0.0.1")
            self.slots.append(Slot(number, role, link, port, self.folder, network))
        for slot in self.slots:
            self.begin(slot)
        for slot in self.slots:
            assert slot.process is not None
            await slot.process.ready()
        self._supervisor = asyncio.create_task(self._supervise())

    def begin(self, slot: Slot) -> None:
        """The next process of a place."""
        variant = {**slot.variant, **self.options.variant(slot)}
        slot.variant = {}
        environment = {clock.VARIABLE: str(slot.clock), **variant.pop("environment", {})}
        settings = self.options.settings | variant.pop("settings", {})
        slot.process = self.nursery.begin(
            self.folder,
            through(self.dsn, slot.link),
            app=None if slot.role == "ingress" else "verify.app:app",
            port=slot.port,
            hooks=["verify.clock:install", "verify.cluster:be_impatient", *self.options.hooks],
            environment=environment,
            ledger=self.ledger.path,
            settings=settings,
            network=slot.network.name if slot.network else None,
            **variant,
        )

    async def _supervise(self) -> None:
        """Whoever ended is followed by another, soon."""
        while True:
            await asyncio.sleep(0.1)
            for slot in self.slots:
                if slot.process is not None and (code := slot.process.exit_code) is not None:
                    self.ended.append((str(slot), code, slot.process))
                    slot.frozen = None
                    self.begin(slot)

    def serving(self, *roles: Role) -> list[Slot]:
        """Those that have started, and are neither ended nor stopped."""
        return [slot for slot in self.slots if slot.role in roles and slot.serves]

    def ports(self) -> list[int]:
        """Where ingresses listen, or will again."""
        return [slot.port for slot in self.slots if slot.port is not None]

    # --- stopping them for a while

    def freeze(self, slot: Slot) -> None:
        """Stop it, as a long pause of a virtual machine does."""
        assert slot.process is not None
        slot.frozen, slot.stopped_at = self.incarnations(slot), time.time()
        with suppress(AssertionError, ProcessLookupError):  # it has just ended
            slot.process.freeze()

    def thaw(self, slot: Slot) -> None:
        slot.frozen = None
        if slot.process is not None:
            if time.time() - slot.stopped_at < LEASE:
                self.dazed.append((slot.process.pid, time.time()))
            with suppress(AssertionError, ProcessLookupError):
                slot.process.thaw()

    def is_dazed(self, pid: int, at: float) -> bool:
        """Whether a process may run what is others' by now, as it went on a moment before that."""
        return any(pid == dazed and 0 <= at - since < DAZED for dazed, since in self.dazed)

    def incarnations(self, slot: Slot) -> list[UUID]:
        assert slot.process is not None
        try:
            rows = self.database.rows("select id from worker where name like %s", f"%:{slot.process.pid}")
        except psycopg.Error:
            return []
        return [id for (id,) in rows]

    def taken_for_dead(self, slot: Slot) -> bool:
        try:
            return not self.database.rows("select from worker where id = any (%s)", slot.frozen or [])
        except psycopg.Error:
            return False

    def unexpected_ends(self) -> list[str]:
        """Of processes that should not have ended so."""
        return [
            f"{name} ended with {code}:\n{process.log[-3000:]}"
            for name, code, process in self.ended
            if code not in ENDS or (code == 1 and process.serves)
        ]


def be_impatient() -> None:
    """A hook: a process takes a silent connection for dead sooner than in real life."""
    lane.CALL_TIMEOUT = 5.0
    listener.CHECK = 2.0
