"""`pgdurable worker` and `ingress` with `--processes`: one port, several processes that come and go."""

from __future__ import annotations

import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgdurable.store.migrate import migrate
from tests.cli.processes import ended, started
from tests.engine.next_release import BREAKING, RELEASE, files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.processes import Running

pytestmark = pytest.mark.slow

APP = """
import asyncio
import os
import pathlib

import pgdurable

processes = pgdurable.Service("Processes")


@processes.handler()
async def own_id(ctx: pgdurable.Context) -> int:
    return os.getpid()


@processes.handler()
async def wait_for(ctx: pgdurable.Context, name: str) -> str:
    print("begun")
    while not pathlib.Path(name).exists():
        await asyncio.sleep(0.01)
    return "done"
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


def answering(running: Running, expected: int, apart_from: set[int] | None = None) -> set[int]:
    """The ids of processes that answer, each request on a connection of its own, once there are so many."""
    found: set[int] = set()
    while len(found) < expected:
        found |= {running.post("/Processes/own_id")} - (apart_from or set())
    return found


def test_processes_that_die_are_replaced_and_that_stop_finish(
    app: Path, dsn: str, ports: dict[str, int], tmp_path: Path
) -> None:
    port = {"port": ports["port"]}
    with started("worker", app, "--dsn", dsn, "--processes", "2", **port) as worker:
        told = worker.await_line("worker serves Processes as deployment")
        assert told.endswith(f" at http://localhost:{ports['port']} in 2 processes")
        first, second = answering(worker, 2)
        with psycopg.connect(dsn) as connection:
            rows = connection.execute("select name from pgdurable_engine.worker").fetchall()
        assert {name for (name,) in rows} == {f"{socket.gethostname()}:{id}" for id in (first, second)}

        os.kill(first, signal.SIGKILL)
        assert "killed by signal 9" in worker.await_line(f"process {first} ended")
        assert worker.post("/Processes/own_id") == second
        worker.await_line("is ready")
        now = answering(worker, 2)
        assert second in now
        assert first not in now

        go = tmp_path / "go"
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(worker.post, "/Processes/wait_for", str(go))
            worker.await_line("begun")
            worker.process.send_signal(signal.SIGTERM)
            worker.await_line("stopping")
            go.touch()
            assert answer.result() == "done"
        assert worker.await_end() == 0


def test_replacing_all_refuses_nobody(app: Path, dsn: str, ports: dict[str, int]) -> None:
    port = {"port": ports["port"]}
    refusals: list[ConnectionRefusedError] = []
    replaced = threading.Event()

    def knock() -> None:
        while not replaced.is_set():
            connection = HTTPConnection("127.0.0.1", ports["port"], timeout=30)
            try:
                connection.request("POST", "/Processes/own_id")
                connection.getresponse().read()
            except ConnectionRefusedError as error:
                refusals.append(error)
            except (ConnectionError, HTTPException):
                pass  # accepted by the old one in its last moment, and closed before the request was there
            finally:
                connection.close()

    with started("worker", app, "--dsn", dsn, "--processes", "2", **port) as worker:
        worker.await_line("worker serves")
        before = answering(worker, 2)
        with ThreadPoolExecutor() as pool:
            knocking = pool.submit(knock)
            try:
                worker.process.send_signal(signal.SIGHUP)
                worker.await_line("all processes are replaced")
            finally:
                replaced.set()
            knocking.result()
        assert refusals == []
        assert not before & answering(worker, 2)

        app.write_text("1 / 0")
        worker.process.send_signal(signal.SIGHUP)
        assert "ZeroDivisionError" in worker.await_line("error")
        worker.await_line("the processes that run go on")
        assert worker.end(signal.SIGINT) == 0


def test_a_second_signal_waits_for_nothing(
    app: Path, dsn: str, ports: dict[str, int], tmp_path: Path
) -> None:
    never = tmp_path / "never"
    port = {"port": ports["port"]}
    with started("worker", app, "--dsn", dsn, "--processes", "2", **port) as worker:
        worker.await_line("worker serves")
        worker.post("/Processes/wait_for/send", str(never))
        worker.await_line("begun")
        worker.process.send_signal(signal.SIGTERM)
        worker.await_line("stopping")
        assert worker.end() == 1
    assert "killed before all work had ended" in worker.told[-1]


def test_no_process_outlives_a_killed_parent(app: Path, dsn: str, ports: dict[str, int]) -> None:
    port = {"port": ports["port"]}
    with started("worker", app, "--dsn", dsn, "--processes", "2", **port) as worker:
        worker.await_line("worker serves")
        # It returns when nobody has the output open any more, so when all have ended.
        assert worker.end(signal.SIGKILL) == -signal.SIGKILL
    with socket.create_server(("127.0.0.1", ports["port"])):
        pass


def test_a_port_in_use(app: Path, dsn: str, ports: dict[str, int]) -> None:
    with socket.create_server(("127.0.0.1", ports["port"])):
        for processes in ("1", "2"):
            code, told = ended("worker", app, "--dsn", dsn, "--processes", processes, port=ports["port"])
            line = f"error: port {ports['port']} is in use: choose another one with --port"
            assert (code, told) == (1, [line])


def test_an_app_that_cannot_be_loaded_is_told_once(app: Path, dsn: str) -> None:
    app.write_text("import pgdurable\n\n1 / 0\n")
    code, told = ended("worker", app, "--dsn", dsn, "--processes", "3")
    assert (code, len(told)) == (1, 1), told
    assert "app.py:3: ZeroDivisionError" in told[0]


# --- what no process of it can do anything about


OUTDATED = 3
"""The exit code that tells a supervisor not to start the same release again."""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_schema_that_does_not_fit_any_more_ends_all(app: Path, dsn: str, processes: str) -> None:
    with started("worker", app, "--dsn", dsn, "--processes", processes) as worker:
        worker.await_line("worker serves")
        migrate(dsn, files=files(BREAKING), release=RELEASE)
        assert worker.await_end() == OUTDATED
    errors = [line for line in worker.told if line.startswith("error: ")]
    assert len(errors) == 1, worker.told
    assert f"pgdurable {RELEASE} has migrated the database" in errors[0]
    assert "replace this process by one of the newer release" in errors[0]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_schema_that_does_not_fit_from_the_start(app: Path, dsn: str, processes: str) -> None:
    migrate(dsn, files=files(BREAKING), release=RELEASE)
    code, told = ended("worker", app, "--dsn", dsn, "--processes", processes)
    assert code == OUTDATED
    assert f"error: pgdurable {RELEASE} has migrated the database" in told[-1]


@pytest.fixture
def limited(dsn: str) -> Iterator[Callable[[int], str]]:
    """The DSN of a role that may have so many connections at once, and no more."""
    role = f"limited_{os.getpid()}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"create role {role} login".encode())
        connection.execute(f"grant pg_read_all_data, pg_write_all_data to {role}".encode())

        def limit(connections: int) -> str:
            connection.execute(f"alter role {role} connection limit {connections}".encode())
            return make_conninfo(dsn, user=role)

        yield limit
        connection.execute(f"drop role {role}".encode())


@pytest.mark.parametrize("processes", ["1", "2"])
def test_no_connection_is_left(app: Path, limited: Callable[[int], str], processes: str) -> None:
    """One line, and an exit code after which a supervisor tries again."""
    code, told = ended("worker", app, "--dsn", limited(0), "--processes", processes)
    assert (code, len(told)) == (1, 1), told
    assert "error: cannot connect to PostgreSQL" in told[0]
    assert "too many connections" in told[0]


def test_no_connection_is_left_for_a_successor(
    app: Path, limited: Callable[[int], str], ports: dict[str, int]
) -> None:
    with started("worker", app, "--dsn", limited(-1), "--processes", "2", port=ports["port"]) as worker:
        worker.await_line("worker serves")
        first, second = answering(worker, 2)
        limited(0)
        os.kill(first, signal.SIGKILL)
        assert "too many connections" in worker.await_line(", another one is started in 1 s")
        limited(-1)
        worker.await_line("is ready")
        assert second in answering(worker, 2)
        assert worker.end() == 0
