"""A circumstance, and all programs running in it at once, on processes that they share.

One kill serves all of them: each program comes to the point where it wants its worker to die, and waits
there. When all have come, the worker is killed; when another one is ready, all go on.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import httpx

from tests.circumstances.circumstance import Circumstance
from tests.circumstances.run import PATIENCE, Run
from tests.circumstances.telling import gate_file
from tests.engine.database import Database
from tests.engine.ledger import Line, read
from tests.engine.watching import LOOK_AGAIN, until
from tests.fixtures.postgres import free_port

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.circumstances.catalogue import Program
    from tests.circumstances.report import Report
    from tests.engine.processes import Nursery, Process

APPS: Final = "tests.circumstances.apps"


class Stage:
    """The processes of a circumstance, and who runs on them."""

    def __init__(self, circumstance: Circumstance, nursery: Nursery, folder: Path, dsn: str) -> None:
        self.circumstance = circumstance
        self.database = Database(dsn)
        self.http: httpx.AsyncClient
        self.ledger = folder / "ledger.jsonl"
        self.ledger.touch()
        self.processes: list[Process] = []
        self._nursery = nursery
        self._folder = folder
        self._dsn = dsn
        self._index: dict[tuple[str | None, str], list[Line]] = {}
        self._read = 0
        self._alive: set[str] = set()
        self._arrived: set[str] = set()
        self._over = asyncio.Event()

    async def play(self, programs: Iterable[Program]) -> list[Report]:
        """Run all of them to their ends: what came of each. The processes end with them."""
        try:
            return await self._play(programs)
        finally:
            await self._end_processes()
            self.database.close()

    async def _play(self, programs: Iterable[Program]) -> list[Report]:
        if self.circumstance is not Circumstance.CRASH:
            gate_file(self.ledger).touch()
        port, services = await self._start()
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            timeout=PATIENCE,
            limits=httpx.Limits(max_connections=None),
        ) as self.http:
            await self._known(services)
            watching = asyncio.create_task(self._watch())
            runs = [Run(program, self) for program in programs]
            self._alive = {run.tag for run in runs}
            crashing = asyncio.create_task(self._crash_when_all_are_there())
            reports = await asyncio.gather(*(self._play_one(run) for run in runs))
            await crashing
            watching.cancel()
        return reports

    async def _play_one(self, run: Run) -> Report:
        try:
            async with asyncio.timeout(PATIENCE):
                came = await run.program.outside(run)
            self._look()
            return run.report(came)
        except Exception as error:  # noqa: BLE001 (it is that program's test that fails)
            return run.report(None, error)
        finally:
            self._alive.discard(run.tag)

    # -- processes -----------------------------------------------------------------------------------------

    async def _start(self) -> tuple[int, set[str]]:
        """The port of the ingress."""
        port = free_port()
        match self.circumstance:
            case Circumstance.FIRST_RUN:
                begun = [self._begin("whole", port)]
            case Circumstance.REPLAY:
                begun = [self._begin("whole", port, always_replay=True)]
            case Circumstance.CRASH:
                begun = [self._begin(None, port), self._begin("whole")]
            case Circumstance.APART:
                begun = [self._begin(None, port), self._begin("callers"), self._begin("targets")]
        for process in begun:
            await process.ready()
        from tests.circumstances import apps

        return port, {service.name for service in apps.whole.services}

    def _begin(self, app: str | None, port: int | None = None, *, always_replay: bool = False) -> Process:
        process = self._nursery.begin(
            self._folder,
            self._dsn,
            app=f"{APPS}:{app}" if app else None,
            port=port,
            ledger=self.ledger,
            always_replay=always_replay,
            settings={"reap": 0.2} | ({"inactivity_timeout": 0.0} if always_replay else {}),
        )
        self.processes.append(process)
        return process

    async def _known(self, services: set[str]) -> None:
        """Wait until the ingress knows all services."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.http.get("/restate/health")
                if answer.status_code == 200 and services <= set(answer.json()["services"]):
                    return
                await asyncio.sleep(LOOK_AGAIN)

    async def _end_processes(self) -> None:
        for process in self.processes:
            if process.exit_code is None:
                process.kill()
        for process in self.processes:
            await process.ended()

    @property
    def logs(self) -> str:
        return "\n".join(f"--- process {process.pid}\n{process.log[-20000:]}" for process in self.processes)

    # -- the crash -----------------------------------------------------------------------------------------

    async def crash(self, run: Run) -> None:
        """Wait here for the crash of the worker, if there is one in this circumstance."""
        if self.circumstance is Circumstance.CRASH:
            self._arrived.add(run.tag)
            await self._over.wait()

    async def _crash_when_all_are_there(self) -> None:
        if self.circumstance is not Circumstance.CRASH:
            return
        with suppress(AssertionError):  # whoever has not come fails by itself, the others need not
            await until(lambda: self._alive <= self._arrived, PATIENCE / 2, "all are there")
        worker = self.processes[-1]
        worker.kill()
        await worker.ended()
        await self._begin("whole").ready()
        gate_file(self.ledger).touch()
        self._over.set()

    # -- the ledger ----------------------------------------------------------------------------------------

    def lines(self, kind: str | None, tag: str) -> list[Line]:
        """Lines of a program, or of an invocation, of a kind or all."""
        return self._index.get((kind, tag), [])

    async def _watch(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(LOOK_AGAIN)

    def _look(self) -> None:
        with self.ledger.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in read(whole.decode()):
            tag = line.what.get("tag") or line.what.get("id") or ""
            for kind in (line.kind, None):
                self._index.setdefault((kind, tag), []).append(line)
