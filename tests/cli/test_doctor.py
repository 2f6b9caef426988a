"""`pgdurable doctor`: each condition is brought about, and is found and said."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgdurable.embedded import EmbeddedPostgres
from pgdurable.embedded.ephemeral import SETTINGS, free_port
from pgdurable.testing.databases import Databases
from pgdurable_cli import diagnosis
from tests.cli.conftest import Cli, register, text_id
from tests.engine.watching import until_blocking
from tests.fixtures.postgres import shared_dir, version
from tests.sql.story import Story, exclusive, new, plain

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

PEOPLES = {  # of a server that people use, and that has room for what is tried here
    "autovacuum_naptime": "1h",
    "max_connections": "60",
    "max_prepared_transactions": "3",
    "wal_level": "logical",
    "max_notify_queue_pages": "64",
}


@dataclass(frozen=True)
class Patient:
    """A database, and the doctor for it."""

    dsn: str

    def run(self, *arguments: str, dsn: str | None = None) -> Any:
        return Cli(dsn or self.dsn).run("doctor", *arguments)

    def findings(self, dsn: str | None = None) -> list[dict[str, str]]:
        result = self.run("--json", dsn=dsn)
        assert result.stdout, result.output
        diagnosis = json.loads(result.stdout)
        assert diagnosis["healthy"] == (result.exit_code == 0), result.output
        assert diagnosis["skipped"] == {}
        findings: list[dict[str, str]] = diagnosis["findings"]
        return findings

    def has(self, check: str, severity: str, what: str, *, dsn: str | None = None) -> dict[str, str]:
        """The one finding of this check that says so."""
        found = self.findings(dsn)
        (one,) = [f for f in found if f["check"] == check and f["severity"] == severity and what in f["what"]]
        assert one["why"], one
        assert one["fix"], one
        return one

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn, autocommit=True)

    def does(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())


@pytest.fixture(scope="module")
def hospital(worker_id: str) -> Generator[Databases]:
    """A server of its own: what is wrong with it is wrong for everybody."""
    directory = shared_dir() / f"{worker_id}-hospital"
    settings = {name: value for name, value in {**SETTINGS, **PEOPLES}.items() if name != "fsync"}
    server = EmbeddedPostgres(directory, version=version(), port=free_port(), settings=settings)
    server.start()
    try:
        yield Databases(server)
    finally:
        server.stop()


@pytest.fixture
def patient(hospital: Databases) -> Generator[Patient]:
    name = hospital.create()
    yield Patient(hospital.server.dsn(name))
    hospital.drop(name)


@pytest.fixture
def story(patient: Patient) -> Generator[Story]:
    with patient.connect() as connection:
        story = Story(connection, "dp_one")
        register(story, "dp_one")
        yield story


# -- nothing


def test_a_healthy_system_is_told_so(patient: Patient, story: Story) -> None:
    story.run(exclusive())
    story.submit(exclusive(), exclusive("other", delay="1 hour"))
    attempt = story.run(plain())
    story.apply(attempt.sleep(3600))
    story.apply(attempt.suspend(1))
    result = patient.run()
    assert result.exit_code == 0, result.output
    assert result.stdout == "11 checks: nothing found\n"
    assert patient.findings() == []


def test_a_database_of_somebody_else_is_none(hospital: Databases) -> None:
    name = hospital.create("template1")
    result = Cli(hospital.server.dsn(name)).run("doctor")
    assert result.exit_code == 1
    assert "pgdurable migrate" in result.output
    hospital.drop(name)


# -- rows


BROKEN = {
    "are invoked, and not in one place": "delete from pgdurable_engine.running",
    "run for a worker that is gone": "update pgdurable_engine.running set owner = gen_random_uuid()",
    "are over, and still hold something": "update pgdurable_engine.invocation set status = 'completed'"
    " where status = 'invoked'",
    "are not invoked, and ready or running": "update pgdurable_engine.invocation set status = 'suspended'"
    " where status = 'invoked'",
    "wait for a key that nobody holds": "delete from pgdurable_engine.key_holder",
    "hold a key that they should not": "delete from pgdurable_engine.key_holder",
    "are in an inbox in vain, or should be": "delete from pgdurable_engine.inbox",
    "are scheduled and have no timer": "delete from pgdurable_engine.timer",
    "back off, and no timer says until when": "delete from pgdurable_engine.timer where type = 'retry'",
    "are over, and somebody still waits": "insert into pgdurable_engine.waiter (id, origin)"
    " values (gen_random_uuid(), gen_random_uuid())",
}


@pytest.mark.parametrize("problem", BROKEN)
def test_rows_that_contradict_each_other(patient: Patient, story: Story, problem: str) -> None:
    holder, failing = exclusive(), story.run(plain())
    story.run(holder)
    story.submit(exclusive(), plain(delay="1 hour"))
    story.apply(failing.ending("retry", retry_count=1, code=500, message="no", delay="1 hour"))
    assert patient.findings() == []
    patient.does(BROKEN[problem])
    said = patient.has("places", "error", problem)["what"]
    assert said.startswith("1 invocations") or "2 invocations" in said
    assert "inv_1" in said


def test_a_sleeper_whose_timer_is_gone(patient: Patient, story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.sleep(3600))
    story.apply(attempt.suspend(1))
    patient.does("delete from pgdurable_engine.timer")
    said = patient.has("suspended", "error", "wait for a timer that is not there")
    assert text_id(story, {"id": attempt.id}) in said["what"]


def test_a_sleeper_that_was_not_woken(patient: Patient, story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.sleep(3600))
    story.apply(attempt.suspend(1))
    patient.does(
        "insert into pgdurable_engine.notification (id, seq, type, index, outcome, appended_at)"
        " select id, 1, 1036, 1, 'void', now() from pgdurable_engine.invocation"
    )
    patient.has("suspended", "error", "what they wait for is there")


def test_timers_that_nobody_fires(patient: Patient, story: Story) -> None:
    story.submit(plain(delay="0.001 seconds"))
    patient.does("update pgdurable_engine.timer set fire_at = fire_at - interval '30 seconds'")
    patient.has("overdue", "warning", "1 timers are overdue, the oldest by 00:00:3")
    patient.does("update pgdurable_engine.timer set fire_at = fire_at - interval '2 minutes'")
    patient.has("overdue", "error", "1 timers are overdue, the oldest by 00:02:3")


def test_a_dead_worker_that_nobody_ends(patient: Patient, story: Story) -> None:
    story.run(plain())
    patient.does("update pgdurable_engine.worker set heartbeat_at = now() - interval '1 minute'")
    said = patient.has("overdue", "error", "worker w has not been heard of for 00:01:0")
    assert "still has 1 invocations" in said["what"]
    patient.has("workers", "warning", "no process of pgdurable is running")


def test_results_that_nobody_deletes(patient: Patient, story: Story) -> None:
    patient.does("insert into pgdurable_engine.expiry values (now() - interval '2 hours', gen_random_uuid())")
    patient.has("overdue", "warning", "1 results are kept beyond their retention, the oldest for 02:00:0")


def test_work_that_has_no_worker(patient: Patient, story: Story) -> None:
    story.submit(plain(), plain())
    patient.does("update pgdurable_engine.worker set services = '{}', routes = '{}'")
    said = patient.has(
        "workers", "error", "2 invocations of Greeter are ready, and no worker of deployment dp_one"
    )
    assert "pgdurable deployments describe dp_one" in said["fix"]


def test_work_of_a_service_that_never_was(patient: Patient, story: Story) -> None:
    story.submit(new("Nobody", "greet", None, "service"))
    patient.has("workers", "error", "1 invocations of Nobody are ready, and nobody has ever served that")


def test_work_that_waits_for_long(patient: Patient, story: Story) -> None:
    story.submit(plain())
    patient.does("update pgdurable_engine.ready set since = since - interval '10 minutes'")
    patient.has("workers", "warning", "1 invocations of Greeter have been ready for up to 00:10:0")


def test_a_deployment_that_will_be_missed(patient: Patient, story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.sleep(3600))
    story.apply(attempt.suspend(1))
    assert story.pinned(attempt.id) == "dp_one"
    patient.does("update pgdurable_engine.worker set deployment_id = 'dp_two'")
    patient.has("pinned", "warning", "1 invocations that deployment dp_one has begun are not completed")


def test_paused_ones_wait_for_somebody(patient: Patient, story: Story) -> None:
    attempt = story.run(plain())
    story.signal(attempt.id, "pause")
    patient.has(
        "pinned", "warning", f"1 invocations are paused, such as {text_id(story, {'id': attempt.id})}"
    )


# -- who holds the horizon


@pytest.fixture
def impatient(patient: Patient) -> str:
    """A millisecond is old."""
    return make_conninfo(patient.dsn, options="-c pgdurable.oldest_transaction=1ms")


def test_a_transaction_that_goes_on(patient: Patient, story: Story, impatient: str) -> None:
    with psycopg.connect(patient.dsn, application_name="a report") as connection:
        connection.execute(b"set transaction isolation level repeatable read")
        connection.execute(b"select count(*) from pgdurable_engine.ready")
        pid = connection.info.backend_pid
        said = patient.has("horizon", "warning", f"a report (pid {pid}", dsn=impatient)
        assert f"pg_terminate_backend({pid})" in said["fix"]
        assert not [f for f in patient.findings() if f["check"] == "horizon"], "not at once, usually"


def test_a_prepared_transaction(patient: Patient, story: Story, impatient: str) -> None:
    with psycopg.connect(patient.dsn) as connection:
        connection.tpc_begin("forgotten")
        connection.execute(b"create table something ()")
        connection.tpc_prepare()
        try:
            said = patient.has("horizon", "warning", "the prepared transaction 'forgotten'", dsn=impatient)
            assert "rollback prepared 'forgotten'" in said["fix"]
        finally:
            connection.tpc_rollback()


def test_a_replication_slot_of_nobody(patient: Patient, story: Story) -> None:
    with patient.connect() as connection:
        connection.execute(b"select pg_create_logical_replication_slot('gone', 'pgoutput')")
        try:
            said = patient.has("horizon", "warning", "the replication slot gone is used by nobody")
            assert "pg_drop_replication_slot('gone')" in said["fix"]
        finally:
            connection.execute(b"select pg_drop_replication_slot('gone')")


# -- tables


def test_a_hot_table_full_of_dead_rows(patient: Patient, story: Story) -> None:
    patient.does(
        "alter table pgdurable_engine.ready set (autovacuum_enabled = off)",
        "insert into pgdurable_engine.ready"
        " select 'Greeter', now(), gen_random_uuid() from generate_series(1, 60000)",
        "delete from pgdurable_engine.ready",
        "select pg_stat_force_next_flush()",
    )
    said = patient.has("bloat", "warning", "ready has 60000 dead rows, and 0 that live")
    assert said["fix"].endswith("vacuum pgdurable_engine.ready")


def test_a_hot_table_that_was_much_larger(patient: Patient, story: Story) -> None:
    patient.does(
        "alter table pgdurable_engine.failure alter message set storage external",
        "insert into pgdurable_engine.failure"
        " (id, retry_count, journal_size, code, message, failing_since, failed_at)"
        " select gen_random_uuid(), 1, 1, 500, repeat('x', 3000000), now(), now()"
        " from generate_series(1, 40)",
        "delete from pgdurable_engine.failure",
        "select pg_stat_force_next_flush()",
    )
    said = patient.has("bloat", "warning", "failure takes ")
    assert "vacuum full" in said["fix"]


# -- settings


@contextmanager
def system(patient: Patient, name: str, value: str) -> Generator[None]:
    """A setting of the whole server, and back."""

    def reload(statement: str, expected: str | None) -> None:
        patient.does(statement, "select pg_reload_conf()")

        def heeded() -> bool:
            with patient.connect() as connection:
                row = connection.execute("select current_setting(%s)", [name]).fetchone()
            return row is not None and (row[0] == expected if expected else row[0] != value)

        until_blocking(heeded, 60, f"{name} is {expected or 'what it was'}")

    reload(f"alter system set {name} = '{value}'", value)
    try:
        yield
    finally:
        reload(f"alter system reset {name}", None)


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "autovacuum", "track_counts"])
def test_what_must_not_be_off(patient: Patient, story: Story, name: str) -> None:
    with system(patient, name, "off"):
        patient.has("settings", "error", f"{name} is off")


@pytest.mark.parametrize(
    ("name", "value", "severity", "said"),
    [
        ("synchronous_commit", "off", "error", "synchronous_commit is off"),
        ("default_transaction_read_only", "on", "error", "transactions are read-only by default"),
        ("default_transaction_isolation", "serializable", "note", "transactions are serializable by default"),
        ("statement_timeout", "2s", "error", "statement_timeout is 2000 ms"),
        ("statement_timeout", "20s", "warning", "statement_timeout is 20000 ms"),
        ("lock_timeout", "100ms", "warning", "lock_timeout is 100 ms"),
        ("idle_session_timeout", "1min", "warning", "idle_session_timeout is 60000 ms"),
    ],
)
def test_what_a_database_should_not_say(
    patient: Patient, story: Story, name: str, value: str, severity: str, said: str
) -> None:
    database = conninfo_to_dict(patient.dsn)["dbname"]
    patient.does(f"""alter database "{database}" set {name} = '{value}'""")
    patient.has("settings", severity, said)


def test_connections_that_run_out(patient: Patient, story: Story) -> None:
    with ExitStack() as stack:
        for _ in range(48):
            stack.enter_context(patient.connect())
        said = patient.has("settings", "error", " connections that there are for this role are taken")
        assert "max_connections" in said["fix"]


def test_a_queue_of_notifications_that_nobody_reads(patient: Patient, story: Story) -> None:
    with patient.connect() as deaf:
        deaf.execute(b"listen news")
        deaf.execute(b"begin")
        for number in range(20):
            patient.does(f"select pg_notify('news', repeat('{number % 10}', 7900))")
        patient.has("settings", "warning", "the queue of notifications is full to 3")


def test_a_role_that_does_not_see_others(patient: Patient, story: Story) -> None:
    patient.does(
        "create role nosy login",
        "grant usage on schema pgdurable, pgdurable_engine to nosy",
        "grant select on all tables in schema pgdurable, pgdurable_engine to nosy",
    )
    try:
        said = patient.has("settings", "note", "does not see", dsn=make_conninfo(patient.dsn, user="nosy"))
        assert said["fix"] == "grant pg_monitor to nosy"
    finally:
        patient.does("drop owned by nosy", "drop role nosy")


def test_what_a_role_may_not_read_is_skipped(patient: Patient, story: Story) -> None:
    patient.does(
        "create role blind login",
        "grant usage on schema pgdurable, pgdurable_engine to blind",
        "grant select on pgdurable_engine.migration, pgdurable_engine.repeatable to blind",
    )
    try:
        result = patient.run(dsn=make_conninfo(patient.dsn, user="blind"))
        assert "skipped places: permission denied for table" in result.stdout
    finally:
        patient.does("drop owned by blind", "drop role blind")


# -- versions, clocks, connections, time


def test_a_schema_that_is_older(patient: Patient, story: Story) -> None:
    patient.does("delete from pgdurable_engine.migration where number > 1")
    result = patient.run("--json")
    assert result.exit_code == 1
    diagnosis = json.loads(result.stdout)
    (said,) = diagnosis["findings"]
    assert "migrations/0002_crashes.sql" in said["what"]
    assert said["what"].endswith(" not applied")
    assert said["fix"] == "pgdurable migrate"
    assert "the others" in diagnosis["skipped"]


def test_a_schema_that_is_newer(patient: Patient, story: Story) -> None:
    patient.does(
        "insert into pgdurable_engine.migration select 9999, 'x', 'x', true, '99.0.0', now()"
        " from pgdurable_engine.migration limit 1"
    )
    result = patient.run()
    assert result.exit_code == 1
    assert "the database was migrated by pgdurable 99.0.0" in result.stdout


def test_functions_of_another_release(patient: Patient, story: Story) -> None:
    patient.does("update pgdurable_engine.repeatable set checksum = 'another'")
    patient.has("versions", "warning", "functions and views are not those of this release")


def test_clocks_that_differ(patient: Patient, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is this machine's that is moved: PostgreSQL's is the one that counts, and everybody's here."""
    behind = time.time() - 60
    monkeypatch.setattr(diagnosis, "time", lambda: behind)
    patient.has("clock", "warning", "s ahead of the one of this machine")


def test_what_takes_too_long_is_skipped_and_that_is_said(patient: Patient, story: Story) -> None:
    with patient.connect() as other, other.transaction():
        other.execute(b"lock table pgdurable_engine.timer")
        result = patient.run("--timeout", "0.2")
    assert "skipped places: it took more than 0.2 s" in result.stdout
    assert "skipped overdue" in result.stdout
    assert result.exit_code == 0, "what was not looked at is not wrong"


@pytest.fixture
def pooler(patient: Patient, tmp_path: Path, request: pytest.FixtureRequest) -> Generator[str]:
    """PgBouncer in the mode that the test asks for."""
    import shutil

    binary = shutil.which("pgbouncer")
    if binary is None:
        pytest.skip("there is no pgbouncer on this machine")
    port, options = free_port(), conninfo_to_dict(patient.dsn)
    (tmp_path / "ini").write_text(
        f"[databases]\n* = host={options['host']} port={options['port']} user={options['user']}\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {request.param}\n"
        "unix_socket_dir =\nuser = nobody\n"
    )
    tmp_path.chmod(0o755)
    process = subprocess.Popen([binary, str(tmp_path / "ini")], stderr=subprocess.DEVNULL)
    try:
        yield make_conninfo(patient.dsn, host="127.0.0.1", port=port)
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize(
    ("pooler", "severity", "what"),
    [
        ("statement", "error", "transactions are refused here"),
        ("transaction", "note", "a pooler or a proxy is between here and PostgreSQL"),
    ],
    indirect=["pooler"],
)
def test_a_pooler_in_between(patient: Patient, story: Story, pooler: str, severity: str, what: str) -> None:

    def answers() -> bool:
        try:
            psycopg.connect(pooler, autocommit=True).close()
        except psycopg.OperationalError:
            return False
        return True

    until_blocking(answers, 60, "the pooler answers")
    diagnosis = json.loads(patient.run("--json", dsn=pooler).stdout)
    found = [f for f in diagnosis["findings"] if f["check"] == "connection"]
    assert [(f["severity"], f["what"][: len(what)]) for f in found] == [(severity, what)]
