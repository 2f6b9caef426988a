"""`pgdurable dev` as a process: what keeps it from starting, reloading, stopping, being killed."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

from tests.cli.processes import APP, ended, started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.pooler import Pooler

pytestmark = pytest.mark.slow


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


# --- what keeps it from starting: one line, exit code 1


@pytest.mark.parametrize("option", ["port", "admin_port"])
def test_a_port_in_use(app: Path, dsn: str, ports: dict[str, int], option: str) -> None:
    with socket.create_server(("127.0.0.1", ports[option])):
        code, told = ended("dev", app, "--dsn", dsn, **ports)
    name = f"--{option.replace('_', '-')}"
    assert (code, told) == (1, [f"error: port {ports[option]} is in use: choose another one with {name}"])


def test_the_port_of_postgres_in_use(app: Path, tmp_path: Path, ports: dict[str, int]) -> None:
    with socket.create_server(("127.0.0.1", ports["pg_port"])):
        code, told = ended("dev", app, "--data", tmp_path / "data", **ports)
    assert code == 1
    assert told == [
        f"error: port {ports['pg_port']} is in use on 127.0.0.1: choose another one with --pg-port"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import pgdurable\nx = (1,\n", "app.py, line 2"),
        ("import pgdurable\n\n1 / 0\n", "app.py:3: ZeroDivisionError: division by zero"),
        (
            "import nowhere_to_be_found\n",
            "app.py:1: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        ),
        ("x = 1\n", "defines no services"),
        ("import sys\nsys.exit(3)\n", "ended the process while it was loaded (exit code 3)"),
        ("import os\nos._exit(3)\n", "ended while starting (exit code 3)"),
    ],
)
def test_a_broken_app(app: Path, dsn: str, ports: dict[str, int], text: str, line: str) -> None:
    app.write_text(text)
    code, told = ended("dev", app, "--dsn", dsn, **ports)
    assert (code, len(told)) == (1, 1), told
    assert line in told[0]


def test_no_app(tmp_path: Path, dsn: str, ports: dict[str, int]) -> None:
    path = tmp_path / "nothing.py"
    assert ended("dev", path, "--dsn", dsn, **ports) == (1, [f"error: there is no file {path}"])


def test_an_unreachable_database(app: Path, ports: dict[str, int]) -> None:
    unused = ports.pop("pg_port")
    code, told = ended("dev", app, "--dsn", f"postgresql://me:secret@127.0.0.1:{unused}/db", **ports)
    assert (code, len(told)) == (1, 1), told
    assert f"cannot connect to PostgreSQL at 127.0.0.1:{unused}/db: " in told[0]
    assert "secret" not in told[0]


def test_a_way_around_a_pooler_that_leads_elsewhere(
    app: Path, dsn: str, empty_dsn: str, ports: dict[str, int]
) -> None:
    code, told = ended("dev", app, "--dsn", dsn, "--listen-dsn", empty_dsn, **ports)
    assert code == 1
    assert "the DSN for listening leads to another database" in told[-1]
    code, told = ended("dev", app, "--listen-dsn", dsn, **ports)
    assert code == 2
    assert "say --dsn, too" in told[-1]


def test_a_way_around_a_pooler(app: Path, dsn: str, pooler: Pooler, ports: dict[str, int]) -> None:
    with started("dev", app, "--dsn", pooler.dsn(dsn), "--listen-dsn", dsn, **ports) as dev:
        dev.await_line(
            "a pooler in transaction mode is between here and PostgreSQL; --listen-dsn leads around"
        )
        dev.await_line("Ctrl-C")
        assert dev.post("/Greeter/greet", "you") == "Hello you"
        assert dev.end(signal.SIGINT) == 0


# --- running


def test_from_nothing_to_an_answer_and_back(app: Path, tmp_path: Path, ports: dict[str, int]) -> None:
    """With its own PostgreSQL, whose data are there again at the next start."""
    command = ("dev", app, "--data", tmp_path / "data")
    with started(*command, **ports) as dev:
        assert f"curl http://localhost:{ports['port']}/Greeter/greet" in dev.await_line("Ingress")
        assert f"http://localhost:{ports['admin_port']}" in dev.await_line("Admin")
        assert f"psql -h localhost -p {ports['pg_port']}" in dev.await_line("Database")
        assert "greet" in dev.await_line("Services")
        dev.await_line("Ctrl-C")
        assert dev.post("/Greeter/greet", "you") == "Hello you"
        assert dev.end(signal.SIGINT) == 0
    with started(*command, **ports) as again:
        again.await_line("Ctrl-C")
        with psycopg.connect(f"host=localhost port={ports['pg_port']}") as connection:
            count = connection.execute(
                "select count(*) from sys_invocation where status = 'completed'"
            ).fetchone()
        assert count == (1,)
        assert again.end() == 0
    assert not (tmp_path / "data" / "pg18" / "postmaster.pid").exists()


def test_reload(app: Path, dsn: str, ports: dict[str, int]) -> None:
    with started("dev", app, "--dsn", dsn, **ports) as dev:
        dev.await_line("Ctrl-C")
        app.write_text(APP.replace("Hello", "Good morning"))
        dev.await_line("ready")
        assert dev.post("/Greeter/greet", "you") == "Good morning you"

        app.write_text(APP + "\n1 / 0\n")
        assert "ZeroDivisionError" in dev.await_line("error")
        dev.await_line("goes on until the next change")
        assert dev.post("/Greeter/greet", "you") == "Good morning you"

        app.write_text(APP.replace("Hello", "Good night"))
        dev.await_line("ready")
        assert dev.post("/Greeter/greet", "you") == "Good night you"
        assert dev.end() == 0


def test_a_mended_handler_goes_on_where_it_was(app: Path, dsn: str, ports: dict[str, int]) -> None:
    """At once: it does not wait for the attempt that would be due in an hour."""
    policy = "invocation_retry_policy=pgdurable.InvocationRetryPolicy(initial_interval=timedelta(hours=1))"
    text = "from datetime import timedelta\n" + APP.replace("handler()", f"handler({policy})")
    app.write_text(text.replace("return f", "raise ValueError(name)\n    return f"))
    with started("dev", app, "--dsn", dsn, **ports) as dev:
        dev.await_line("Ctrl-C")
        id = dev.post("/Greeter/greet/send", "you")["invocationId"]
        with psycopg.connect(dsn, autocommit=True) as connection:
            await_status(connection, id, "backing-off")
            app.write_text(text)
            dev.await_line("trying 1 failed invocation again")
            await_status(connection, id, "completed")
        assert dev.end() == 0


def await_status(connection: psycopg.Connection, id: str, status: str) -> None:
    """Ask until it is so; the test's own timeout is the limit."""
    query = "select status from pgdurable.sys_invocation where uuid = pgdurable.invocation_uuid(%s)"
    while connection.execute(query, [id]).fetchone() != (status,):
        pass


def test_a_crashed_application_is_started_again(app: Path, dsn: str, ports: dict[str, int]) -> None:
    marker = app.with_name("crashed")
    crash = f"""
    import os, pathlib
    marker = pathlib.Path({str(marker)!r})
    if not marker.exists():
        marker.touch()
        os._exit(7)
    return"""
    app.write_text(APP.replace("\n    return", crash))
    with started("dev", app, "--dsn", dsn, **ports) as dev:
        dev.await_line("Ctrl-C")
        with suppress(httpx.RemoteProtocolError):  # it may crash before it has answered
            httpx.post(f"http://127.0.0.1:{ports['port']}/Greeter/greet/send", json="you")
        assert "exit code 7" in dev.await_line("error")
        dev.await_line("ready")
        assert dev.post("/Greeter/greet", "you") == "Hello you"


def test_nothing_outlives_a_killed_parent(app: Path, dsn: str, ports: dict[str, int]) -> None:
    """The ports are free at once: the next start takes them."""
    with started("dev", app, "--dsn", dsn, **ports) as dev:
        dev.await_line("Ctrl-C")
        assert dev.end(signal.SIGKILL) == -signal.SIGKILL
    with started("dev", app, "--dsn", dsn, **ports) as again:
        again.await_line("Ctrl-C")
        assert again.post("/Greeter/greet", "you") == "Hello you"
        assert again.end() == 0


def test_a_killed_parent_leaves_postgres_to_the_next(
    app: Path, tmp_path: Path, ports: dict[str, int]
) -> None:
    pid_file = tmp_path / "data" / "pg18" / "postmaster.pid"
    command = ("dev", app, "--data", tmp_path / "data")
    with started(*command, **ports) as dev:
        dev.await_line("Ctrl-C")
        pid = int(pid_file.read_text().split()[0])
        dev.end(signal.SIGKILL)
    os.kill(pid, 0)
    with started(*command, **ports) as again:
        again.await_line("Ctrl-C")
        assert int(pid_file.read_text().split()[0]) == pid
        assert again.end() == 0
    assert not pid_file.exists()


def test_several_processes(app: Path, dsn: str, ports: dict[str, int]) -> None:
    text = "import os\n" + APP.replace("{name}", "{os.getpid()}")
    app.write_text(text)
    with started("dev", app, "--dsn", dsn, "--processes", "2", **ports) as dev:
        dev.await_line("Ctrl-C")
        before: set[str] = set()
        while len(before) < 2:
            before.add(dev.post("/Greeter/greet", "you"))
        assert httpx.get(f"http://127.0.0.1:{ports['admin_port']}/health").status_code == 200
        app.write_text(text.replace("Hello", "Good morning"))
        dev.await_line("ready")
        after = {dev.post("/Greeter/greet", "you") for _ in range(10)}
        assert all(answer.startswith("Good morning") for answer in after)
        os.kill(int(after.pop().split()[-1]), signal.SIGKILL)
        assert "killed by signal 9" in dev.await_line("error")
        dev.await_line("ready")
        assert dev.post("/Greeter/greet", "you").startswith("Good morning")
        assert dev.end() == 0


def test_worker_and_ingress_apart(app: Path, dsn: str, ports: dict[str, int]) -> None:
    with (
        started("worker", app, "--dsn", dsn) as worker,
        started("ingress", "--dsn", dsn, "--processes", "2", port=ports["port"]) as ingress,
    ):
        assert "Greeter" in worker.await_line("worker serves")
        assert ingress.await_line("ingress listens").endswith("in 2 processes")
        assert ingress.post("/Greeter/greet", "you") == "Hello you"
        assert (ingress.end(), worker.end(signal.SIGINT)) == (0, 0)
