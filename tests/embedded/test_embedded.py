"""The embedded server does what `pgdurable dev` promises: it is there, reachable, and outlives us."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Protocol

import psycopg
import pytest

from pgdurable.embedded import EmbeddedPostgres, EmbeddedPostgresError, Postmaster, cluster, os_user
from tests.fixtures.postgres import free_port

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.slow


class Make(Protocol):
    def __call__(
        self, *, version: int = 18, port: int | None = None, settings: Mapping[str, str] | None = None
    ) -> EmbeddedPostgres: ...


@pytest.fixture
def make(server_dir: Path) -> Generator[Make]:
    """Makes servers, on one data directory and one port, and ends them with the test."""
    made: list[EmbeddedPostgres] = []
    usual_port = free_port()

    def build(
        *, version: int = 18, port: int | None = None, settings: Mapping[str, str] | None = None
    ) -> EmbeddedPostgres:
        server = EmbeddedPostgres(
            server_dir / "pg", version=version, port=port or usual_port, settings=settings
        )
        made.append(server)
        return server

    yield build
    for server in made:
        server.stop()


def query(server: EmbeddedPostgres, statement: str) -> str:
    with psycopg.connect(server.dsn()) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return "" if row is None else str(row[0])


def postmaster(server: EmbeddedPostgres) -> int:
    found = Postmaster.read(server.data_dir)
    assert found is not None
    return found.pid


def start_elsewhere(server: EmbeddedPostgres) -> subprocess.Popen[bytes]:
    """Another process, leader of its own group, that starts this server and then does nothing."""
    program = (
        "import pathlib, time; from pgdurable.embedded import EmbeddedPostgres;"
        f"EmbeddedPostgres(pathlib.Path({str(server.data_dir)!r}), port={server.port}).start();"
        "print(flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout as ready:
        assert ready.readline() == b"\n"
    return process


@pytest.mark.parametrize("version", [16, 18])
def test_psql_needs_host_and_port_and_nothing_else(make: Make, version: int) -> None:
    with make(version=version) as server:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        psql = [str(server.binary("psql")), "-h", "localhost", "-p", str(server.port), "-Atc"]
        said = subprocess.check_output(
            [*psql, "select current_user, current_database(), current_setting('search_path')"],
            env=plain,
            text=True,
        )
        assert said == f"{os_user()}|{os_user()}|pgdurable, public\n"
        assert query(server, "show server_version").startswith(str(version))


def test_it_is_reachable_on_its_unix_socket(make: Make) -> None:
    with make() as server, psycopg.connect(server.dsn(), host=str(server.socket_dir)) as connection:
        assert connection.info.host == str(server.data_dir)


def test_it_is_as_durable_as_any_postgresql(make: Make) -> None:
    with make() as server:
        durability = ("fsync", "synchronous_commit", "full_page_writes")
        assert [query(server, f"show {name}") for name in durability] == ["on", "on", "on"]
        assert query(server, "show server_encoding") == "UTF8"
        assert query(server, "select upper('ä') collate pg_catalog.\"default\"") == "Ä"


def test_a_base_backup_can_be_taken(make: Make, tmp_path: Path) -> None:
    """By the server, whatever account it has: our own files beside its data are in nobody's way."""
    with make() as server:
        backup = [
            str(server.binary("pg_basebackup")),
            "-h",
            "127.0.0.1",
            "-p",
            str(server.port),
            "-U",
            "postgres",
        ]
        subprocess.run([*backup, "-D", str(tmp_path / "backup"), "--checkpoint=fast"], check=True)
    assert (tmp_path / "backup" / "PG_VERSION").read_text() == "18\n"


def test_a_restart_keeps_the_data(make: Make) -> None:
    server = make()
    server.start()
    query(server, "create table kept (answer int); insert into kept values (42)")
    server.stop()
    assert not server.running
    server.start()
    assert query(server, "select answer from kept") == "42"


def test_a_crash_keeps_the_data(make: Make) -> None:
    server = make()
    server.start()
    query(server, "create table kept (answer int); insert into kept values (42)")
    server.stop("immediate")
    server.start()
    assert query(server, "select answer from kept") == "42"


def test_starting_and_stopping_are_quick(make: Make) -> None:
    server = make()
    took: list[float] = []
    for action in (server.start, server.stop, server.start, server.stop):
        began = time.perf_counter()
        action()
        took.append(time.perf_counter() - began)
    assert [spent < limit for spent, limit in zip(took, (30, 10, 10, 10), strict=True)] == [True] * 4, took


def test_it_starts_and_stops_as_often_as_it_is_told(make: Make) -> None:
    server = make()
    server.stop()
    server.start()
    first = postmaster(server)
    server.start()
    assert postmaster(server) == first
    server.stop()
    server.stop()
    assert not server.running


def test_stopping_does_not_wait_for_clients(make: Make) -> None:
    server = make()
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("select 1")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")


def test_the_server_outlives_a_killed_process_and_is_taken_over(make: Make) -> None:
    server = make()
    process = start_elsewhere(server)
    running = postmaster(server)
    process.kill()
    process.wait()

    server.start()
    assert postmaster(server) == running
    assert query(server, "select 1") == "1"
    server.stop()
    assert not server.running


def test_control_c_in_the_terminal_does_not_reach_the_server(make: Make) -> None:
    server = make()
    process = start_elsewhere(server)
    os.killpg(process.pid, signal.SIGINT)
    process.wait()
    assert server.running
    server.start()


def test_stopping_leaves_the_server_to_others_who_use_it(make: Make) -> None:
    server = make()
    process = start_elsewhere(server)
    server.start()
    server.stop()
    assert server.running
    process.kill()
    process.wait()
    server.start()


def test_other_settings_restart_a_server_that_nobody_uses(make: Make) -> None:
    server = make(settings={"work_mem": "3MB"})
    process = start_elsewhere(server)
    process.kill()
    process.wait()
    server.start()
    assert query(server, "show work_mem") == "3MB"


def test_other_settings_are_refused_while_somebody_uses_the_server(make: Make) -> None:
    process = start_elsewhere(server := make())
    with pytest.raises(EmbeddedPostgresError, match=f"another process is using .* on port {server.port}"):
        make(settings={"work_mem": "3MB"}).start()
    process.kill()
    process.wait()
    server.start()


def test_a_port_in_use_is_named(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        with pytest.raises(EmbeddedPostgresError, match=f"port {port} is in use .*--pg-port"):
            make(port=port).start()


def test_data_of_another_major_version_is_refused(make: Make) -> None:
    with make(version=16):
        pass
    with pytest.raises(EmbeddedPostgresError, match="was made by PostgreSQL 16 and cannot be opened by 18"):
        make(version=18).start()


def test_a_directory_with_other_files_is_refused(make: Make) -> None:
    server = make()
    server.data_dir.mkdir()
    (server.data_dir / "thesis.tex").touch()
    with pytest.raises(EmbeddedPostgresError, match="holds other files"):
        server.start()


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(EmbeddedPostgresError, match="no embedded PostgreSQL 15, only 16 and 18"):
        EmbeddedPostgres(version=15)


def test_a_failed_initdb_says_why(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LOCALES", {18: ("--locale=klingon",)})
    server = make()
    with pytest.raises(EmbeddedPostgresError, match=r"initdb failed for .*klingon"):
        server.start()
    monkeypatch.undo()
    server.start()


def test_a_server_that_was_ended_by_somebody_else_starts_again(make: Make) -> None:
    server = make()
    server.start()
    os.kill(postmaster(server), signal.SIGINT)
    while server.running:
        time.sleep(0.01)
    server.start()
    os.kill(postmaster(server), signal.SIGINT)
    while server.running:
        time.sleep(0.01)
    server.stop()


def test_a_failed_start_says_why(make: Make) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"did not start: .*work_mem"):
        make(settings={"work_mem": "plenty"}).start()
    make().start()


def test_a_pid_file_left_by_a_power_failure_is_no_obstacle(make: Make) -> None:
    server = make()
    server.start()
    left = (server.data_dir / "postmaster.pid").read_text().splitlines(keepends=True)
    server.stop("immediate")
    another_program = f"{os.getppid()}\n"
    (server.data_dir / "postmaster.pid").write_text("".join([another_program, *left[1:]]))
    server.start()
    assert query(server, "select 1") == "1"


def test_the_data_is_in_the_working_directory(server_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(server_dir)
    with EmbeddedPostgres(port=free_port()) as server:
        assert server.data_dir == server_dir / ".pgdurable" / "pg18"
        assert (server_dir / ".pgdurable" / ".gitignore").read_text() == "*\n"


def test_the_data_is_elsewhere_where_it_cannot_be_here(
    server_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(server_dir)
    (server_dir / ".pgdurable").write_text("a file: as bad as a folder that cannot be written")
    server = EmbeddedPostgres(port=free_port())
    try:
        with server:
            assert server.data_dir.parent.parent.as_posix() == "/var/tmp"
        assert EmbeddedPostgres().data_dir == server.data_dir
    finally:
        shutil.rmtree(server.data_dir.parent)
