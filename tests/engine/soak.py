"""Faults for as long as one likes: python -m tests.engine.soak --seconds 600 --seed 7

Rounds of a few seconds each. In a round the programs of tests/fuzz are begun all the time, and some of them
cancelled or killed, while workers are killed, frozen and replaced, connections are cut and PostgreSQL is
restarted; then the faults end, everything has to complete, and what the database and the ledger say is judged
by the model. It stops at the first difference and leaves the folder with the logs behind.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from pgdurable.embedded import EmbeddedPostgres
from pgdurable.ingress.port import EngineUnavailable
from pgdurable.store.migrate import migrate
from tests.engine.conftest import Engine
from tests.engine.processes import Nursery, Process
from tests.engine.watching import until
from tests.fixtures.postgres import SETTINGS as POSTGRES
from tests.fixtures.postgres import free_port
from tests.fuzz.author import Author
from tests.fuzz.outside import Memory, Reader
from tests.fuzz.trial import Trial

if TYPE_CHECKING:
    from uuid import UUID


LEASE = 1.5
SETTINGS = {"lease": LEASE, "reap": 0.3, "drain": 0.5}
PATIENCE = (0.0, 0.02, 60.0)  # seconds for which a worker keeps what waits
WORKERS = 3
ROUND_SECONDS = 6.0
HEAL_SECONDS = 40.0
DEADLOCK_LINES = 20
"""Lines of the server's log that say what the two were about."""


class Soak:
    """One engine on one server, round after round."""

    def __init__(self, engine: Engine, server: EmbeddedPostgres, seed: int, faults: list[str]) -> None:
        self.engine = engine
        self.server = server
        self.seed = seed
        self.reader = Reader(engine.ledger.path)
        self.over = asyncio.Event()
        self.random = random.Random(seed + 1)
        self.faults = faults
        self.done: Counter[str] = Counter()
        self.workers: list[Process] = []
        self.frozen: list[tuple[Process, list[UUID]]] = []
        self.deadlocks: list[str] = []
        """What PostgreSQL said of each. They are survived, but each costs somebody a second."""

    async def start(self) -> None:
        self._add_worker()
        for worker in self.workers:
            await worker.ready()
        self.client = await self.engine.client(submit_patience=60.0)

    async def round(self, number: int) -> None:
        began = time.monotonic()
        trial = self._trial(number)
        submitting = asyncio.create_task(self._submit(trial))
        while time.monotonic() - began < ROUND_SECONDS:
            await asyncio.sleep(self.random.expovariate(4.0))
            await self._fault(self.random.choice(self.faults))
            assert not submitting.done(), submitting.exception()
        self.over.set()
        await submitting
        await self._heal()
        healing = time.monotonic()
        await trial.finish(HEAL_SECONDS)
        healed = time.monotonic() - healing
        trial.check()
        completed = self.engine.database.value("select count(*) from invocation")
        say(
            f"round {number}: {completed} invocations so far, healed in {healed:.1f} s, "
            f"{len(self.deadlocks + deadlocks(self.server))} deadlocks, {dict(self.done)}"
        )

    def _trial(self, number: int) -> Trial:
        """A round's programs, on keys of its own, or the logs of the keys would grow for ever."""
        luck = random.Random(self.seed * 1000 + number)
        author = Author(luck, keys=[f"a{number}", f"b{number}"])
        memory = Memory()
        listen = partial(self.reader.tell, memory)
        trial = Trial(self.client, self.engine.database, author, luck, memory, listen, name=f"r{number}p")
        # Whoever is cut off goes on for a moment.
        trial.zombies = not {"freeze", "cut", "restart"}.isdisjoint(self.faults)
        return trial

    async def _submit(self, trial: Trial) -> None:
        """Programs, one after the other."""
        self.over.clear()
        while not self.over.is_set():
            await trial.begin()
            await self._meddle(trial)
            await asyncio.sleep(self.random.uniform(0, 0.05))

    async def _meddle(self, trial: Trial) -> None:
        try:
            await trial.answer()
            if self.random.random() < 0.1:
                trial.interfere()
        except (psycopg.OperationalError, EngineUnavailable):
            pass  # PostgreSQL is away; `finish` answers again

    async def _fault(self, kind: str) -> None:
        self.done[kind] += 1
        match kind:
            case "kill":
                self._take_worker().kill()
                self._add_worker()
            case "stop":
                self._take_worker().terminate()
                self._add_worker()
            case "freeze":
                if len(self.frozen) < WORKERS:
                    self._freeze(self._take_worker())
                    self._add_worker()
            case "thaw":
                if self.frozen and self._taken_for_dead(self.frozen[0][1]):
                    self._thaw()
            case "cut":
                backends = self.engine.database.backends()
                if backends:
                    self.engine.database.terminate(self.random.choice(backends)[0])
            case "restart":
                await asyncio.to_thread(self.server.stop, self.random.choice(["fast", "immediate"]))
                self.deadlocks += deadlocks(self.server)  # the next start begins a new log
                await asyncio.to_thread(self.server.start)
            case _:
                raise AssertionError(f"no such fault: {kind}")

    async def _heal(self) -> None:
        while self.frozen:
            gone = partial(self._taken_for_dead, self.frozen[0][1])
            await until(gone, 20, "a frozen worker is taken for dead")
            self._thaw()
        self._take_worker().kill()
        self._add_worker()
        # A frozen one joins the others again when it is thawed: end those that are too many.
        while len(self.workers) > WORKERS:
            self._take_worker().kill()

    def _freeze(self, worker: Process) -> None:
        rows = self.engine.database.rows("select id from worker where name like %s", f"%:{worker.pid}")
        worker.freeze()
        self.frozen.append((worker, [id for (id,) in rows]))

    def _taken_for_dead(self, incarnations: list[UUID]) -> bool:
        return not self.engine.database.rows("select from worker where id = any (%s)", incarnations)

    def _thaw(self) -> None:
        worker, _ = self.frozen.pop(0)
        worker.thaw()
        self.workers.append(worker)

    def _take_worker(self) -> Process:
        # One that starts while PostgreSQL is away says so and ends, as it should.
        for worker in [worker for worker in self.workers if worker.exit_code == 1]:
            assert "ready" not in worker.log, worker.log[-5000:]
            self.workers.remove(worker)
        self._add_worker()
        return self.workers.pop(self.random.randrange(len(self.workers)))

    def _add_worker(self) -> None:
        while len(self.workers) < WORKERS:
            patience = self.random.choice(PATIENCE)
            settings = SETTINGS | {"inactivity_timeout": patience}
            self.workers.append(self.engine.begin("fuzz.py", settings=settings))


def deadlocks(server: EmbeddedPostgres) -> list[str]:
    """What the log of the server says of each, since it was started."""
    lines = server.log_file.read_text(errors="replace").splitlines()
    found = [number for number, line in enumerate(lines) if "deadlock detected" in line]
    return ["\n".join(lines[number : number + DEADLOCK_LINES]) for number in found]


def say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, flush=True)  # noqa: T201 (a command)


async def run(seconds: float, seed: int, faults: list[str], folder: Path) -> None:
    server = EmbeddedPostgres(folder / "server", version=18, port=free_port(), settings=POSTGRES)
    server.start()
    try:
        migrate(server.dsn())
        with Nursery() as nursery:
            engine = Engine(nursery, folder, server.dsn())
            try:
                soak = Soak(engine, server, seed, faults)
                await soak.start()
                end, number = time.monotonic() + seconds, 1
                while time.monotonic() < end:
                    await soak.round(number)
                    number += 1
                for told in soak.deadlocks + deadlocks(server):
                    say(told)
            finally:
                await engine.close()
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1, 10**6))
    parser.add_argument("--faults", default="kill,kill,stop,freeze,thaw,cut,cut,cut,restart")
    options = parser.parse_args()
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="pgdurable-soak-", dir=memory if memory.is_dir() else None))
    say(f"seed {options.seed}, in {folder}")
    try:
        asyncio.run(run(options.seconds, options.seed, options.faults.split(","), folder))
    except Exception as error:  # noqa: BLE001 (whatever is wrong, the logs are worth keeping)
        say(f"FAILED with --seed {options.seed}: {str(error)[:2000]}")
        traceback.print_exc()
        say(f"logs and ledger: {folder}")
        sys.exit(1)
    shutil.rmtree(folder)
    say("all rounds hold")


if __name__ == "__main__":
    main()
