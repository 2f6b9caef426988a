"""The migrator: what it applies, what it refuses, and that any number of processes may start at once."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgdurable.store import sql_files
from pgdurable.store.migrate import (
    Applied,
    CannotConnect,
    DatabaseNewer,
    MigrationChanged,
    MigrationError,
    MigrationFailed,
    Records,
    Repeated,
    ServerTooOld,
    make_plan,
    migrate,
)
from pgdurable.store.sql_files import Migration, SqlFile, SqlFiles

if TYPE_CHECKING:
    from pathlib import Path

BASE = Migration("migrations/0001_base.sql", "create schema pgdurable; create table pgdurable.a (x int)", 1)


def files(*migrations: Migration, repeatable: tuple[SqlFile, ...] = ()) -> SqlFiles:
    return SqlFiles((BASE, *migrations), repeatable)


def numbered(number: int, text: str) -> Migration:
    return Migration(f"migrations/{number:04}_x.sql", text, number)


def function(body: str) -> SqlFile:
    return SqlFile("functions/10_f.sql", f"create or replace function {body}")


def view(query: str) -> SqlFile:
    return SqlFile("views/v.sql", f"create or replace view pgdurable.v as {query}")


def fetch(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


# --- what is applied


def test_the_whole_schema_and_then_nothing(empty_dsn: str) -> None:
    first = migrate(empty_dsn)
    assert (first.applied[0], first.refreshed) == ("migrations/0001_core.sql", True)
    assert str(first).startswith(f"schema {first.version}: applied migrations/0001_core.sql")
    second = migrate(empty_dsn)
    assert (second.changed, str(second)) == (False, f"schema {first.version} is up to date")
    assert fetch(empty_dsn, "select * from pgdurable.sys_invocation") == []


def test_a_new_file_is_applied_to_an_old_database(empty_dsn: str) -> None:
    migrate(empty_dsn, files=files())
    report = migrate(empty_dsn, files=files(numbered(2, "insert into pgdurable.a values (2)")))
    assert (report.applied, report.refreshed, report.version) == (("migrations/0002_x.sql",), False, 2)
    assert fetch(empty_dsn, "select x from pgdurable.a") == [(2,)]


def test_functions_and_views_are_applied_when_one_of_them_changes(empty_dsn: str) -> None:
    one = function("pgdurable.f() returns int language sql as 'select 1'")
    migrate(empty_dsn, files=files(repeatable=(one, view("select pgdurable.f() as x"))))
    two = function("pgdurable.f() returns int language sql as 'select 2'")
    report = migrate(empty_dsn, files=files(repeatable=(two, view("select pgdurable.f() as x"))))
    assert (report.applied, report.refreshed) == ((), True)
    assert fetch(empty_dsn, "select x from pgdurable.v") == [(2,)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pgdurable.f() returns int language sql as 'select 1'",
         "pgdurable.f() returns text language sql as $$ select '2' $$"),
        ("pgdurable.f(p_a int) returns int language sql as 'select 1'",
         "pgdurable.f(p_b int) returns int language sql as 'select 1'"),
        ("pgdurable.f() returns int language sql as 'select 1'",
         "pgdurable.f(p_a int default 1) returns int language sql as 'select 1'"),
        ("pgdurable.f(out a int) language sql as 'select 1'",
         "pgdurable.f(out a int, out b int) language sql as 'select 1, 2'"),
    ],
    ids=["result", "name of an argument", "new argument", "new out argument"],
)  # fmt: skip
def test_a_function_may_change_its_signature(empty_dsn: str, before: str, after: str) -> None:
    migrate(empty_dsn, files=files(repeatable=(function(before),)))
    migrate(empty_dsn, files=files(repeatable=(function(after),)))
    assert fetch(empty_dsn, "select count(*) from pg_proc where proname = 'f'") == [(1,)]


def test_a_function_may_change_its_result_under_a_view(empty_dsn: str) -> None:
    number = function("pgdurable.f() returns int language sql as 'select 1'")
    text = function("pgdurable.f() returns text language sql as $$ select 'one' $$")
    migrate(empty_dsn, files=files(repeatable=(number, view("select pgdurable.f() as x"))))
    migrate(empty_dsn, files=files(repeatable=(text, view("select pgdurable.f() as x"))))
    assert fetch(empty_dsn, "select x from pgdurable.v") == [("one",)]


def test_a_view_may_lose_a_column(empty_dsn: str) -> None:
    migrate(empty_dsn, files=files(repeatable=(view("select 1 as a, 2 as b"),)))
    migrate(empty_dsn, files=files(repeatable=(view("select 2 as b"),)))
    assert fetch(empty_dsn, "select * from pgdurable.v") == [(2,)]


def test_what_users_built_on_a_view_survives(empty_dsn: str) -> None:
    migrate(empty_dsn, files=files(repeatable=(view("select 1 as a"),)))
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("create view public.mine as select a from pgdurable.v")
    migrate(empty_dsn, files=files(repeatable=(view("select 2 as a, 3 as b"),)))
    assert fetch(empty_dsn, "select a from public.mine") == [(2,)]
    with pytest.raises(
        MigrationFailed, match=r"cannot drop view pgdurable\.v .*public\.mine|depends on view"
    ):
        migrate(empty_dsn, files=files(repeatable=(view("select 2 as b"),)))
    assert fetch(empty_dsn, "select a from public.mine") == [(2,)]


def test_outside_a_transaction(empty_dsn: str) -> None:
    index = numbered(2, "--! no-transaction\ncreate index concurrently x on pgdurable.a (x)")
    report = migrate(empty_dsn, files=files(index, numbered(3, "insert into pgdurable.a values (1)")))
    assert report.applied == ("migrations/0001_base.sql", "migrations/0002_x.sql", "migrations/0003_x.sql")
    assert fetch(
        empty_dsn,
        "select indexrelid::regclass::text from pg_index where indexrelid = 'pgdurable.x'::regclass",
    )


def test_an_interrupted_index_is_built_again(empty_dsn: str) -> None:
    table = numbered(
        2, "create table pgdurable_engine.t (x int); insert into pgdurable_engine.t values (1), (1)"
    )
    index = numbered(3, "--! no-transaction\ncreate unique index concurrently t_x on pgdurable_engine.t (x)")
    with pytest.raises(MigrationFailed, match="could not create unique index"):
        migrate(empty_dsn, files=files(table, index))
    assert fetch(
        empty_dsn, "select indisvalid from pg_index where indexrelid = 'pgdurable_engine.t_x'::regclass"
    ) == [(False,)]
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("truncate pgdurable_engine.t")
    assert migrate(empty_dsn, files=files(table, index)).applied == ("migrations/0003_x.sql",)


# --- what is refused


def test_a_changed_migration(empty_dsn: str) -> None:
    migrate(empty_dsn, files=files())
    changed = replace(BASE, text="create table other ()")
    with pytest.raises(MigrationChanged, match=r"0001_base\.sql is not the file this database ran"):
        migrate(empty_dsn, files=SqlFiles((changed,), ()))


@pytest.mark.parametrize("breaking", [True, False])
def test_a_database_with_migrations_of_a_newer_release(empty_dsn: str, breaking: bool) -> None:
    text = "--! breaking\nselect 1" if breaking else "select 1"
    migrate(empty_dsn, files=files(numbered(2, text)), release="0.10.0")
    with pytest.raises(
        DatabaseNewer, match=r"migrated by pgdurable 0\.10\.0, this is 0\.9\.1: upgrade"
    ) as raised:
        migrate(empty_dsn, files=files(), release="0.9.1")
    assert raised.value.breaking is breaking


def test_a_database_with_functions_of_a_newer_release(empty_dsn: str) -> None:
    f = function("pgdurable.f() returns int language sql as 'select 1'")
    migrate(empty_dsn, files=files(repeatable=(f,)), release="0.10.0")
    with pytest.raises(DatabaseNewer, match="upgrade pgdurable"):
        migrate(empty_dsn, files=files(), release="0.9.1")
    migrate(empty_dsn, files=files(repeatable=(f,)), release="0.10.0.dev1")


def test_a_failure_leaves_the_database_as_it_was(empty_dsn: str) -> None:
    broken = numbered(2, "insert into pgdurable.a values (1);\n\nselect nonsense")
    with pytest.raises(
        MigrationFailed, match=r'sql/migrations/0002_x\.sql, line 3: column "nonsense" does not exist'
    ):
        migrate(empty_dsn, files=files(broken))
    assert fetch(empty_dsn, "select to_regclass('pgdurable.a')") == [(None,)]
    assert fetch(empty_dsn, "select count(*) from pgdurable_engine.migration") == [(0,)]


def test_what_is_not_qualified(empty_dsn: str) -> None:
    with pytest.raises(MigrationFailed, match=r"sql/views/v\.sql, line 1: .*does not exist"):
        migrate(empty_dsn, files=files(repeatable=(view("select x from a"),)))


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("postgresql://localhost:1/x", "port 1 failed: Connection refused"),
        ("host=/nowhere", "No such file or directory"),
        ("nonsense", 'missing "=" after "nonsense"'),
    ],
)
def test_a_server_that_is_not_there(dsn: str, told: str) -> None:
    with pytest.raises(CannotConnect, match=told) as raised:
        migrate(dsn)
    assert str(raised.value).startswith("cannot connect to PostgreSQL: ")
    assert "\n" not in str(raised.value)


def test_a_database_that_is_not_there(empty_dsn: str) -> None:
    with pytest.raises(CannotConnect, match='database "nowhere" does not exist'):
        migrate(make_conninfo(empty_dsn, dbname="nowhere"))


def test_an_old_server(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgdurable.store.migrate.OLDEST_SERVER", 99)
    with pytest.raises(ServerTooOld, match="is too old: pgdurable needs 99 or newer"):
        migrate(empty_dsn)


def test_a_role_without_rights(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("drop role if exists nobody_special")
        connection.execute("create role nobody_special login")
    try:
        with pytest.raises(MigrationFailed, match="permission denied for database"):
            migrate(make_conninfo(empty_dsn, user="nobody_special"))
    finally:
        with psycopg.connect(empty_dsn) as connection:
            connection.execute("drop role nobody_special")


# --- several at once


def test_many_start_at_once(empty_dsn: str) -> None:
    reports: list[bool] = []
    failures: list[Exception] = []
    together = threading.Barrier(8)

    def start() -> None:
        together.wait()
        try:
            reports.append(migrate(empty_dsn).changed)
        except MigrationError as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(reports) == [False] * 7 + [True]


# --- decisions, without a database


def test_the_plan_is_made_of_data() -> None:
    second = numbered(2, "select 2")
    all_files = files(second)
    applied = Applied(1, BASE.name, BASE.checksum, False, "0.1.0")
    current = Repeated(all_files.repeatable_checksum, "0.1.0")
    assert make_plan(all_files, Records((), None), "0.1.0").pending == (BASE, second)
    plan = make_plan(all_files, Records((applied,), current), "0.1.0")
    assert (plan.pending, plan.refresh, plan.version) == ((second,), False, 2)


# --- the files


def write(folder: Path, **texts: str) -> Path:
    for kind in ("migrations", "functions", "views"):
        (folder / kind).mkdir()
    for name, text in texts.items():
        (folder / "migrations" / f"{name}.sql").write_text(text)
    return folder


def test_files_are_read_in_order(tmp_path: Path) -> None:
    folder = write(tmp_path, **{"0002_b": "--! breaking\n", "0001_a": "select 1;\r\n"})
    (folder / "functions" / "20_z.sql").touch()
    (folder / "functions" / "10_y.sql").touch()
    (folder / "views" / "a.sql").touch()
    (folder / "views" / "notes.txt").touch()
    found = sql_files.load(folder)
    assert [(migration.number, migration.breaking) for migration in found.migrations] == [
        (1, False),
        (2, True),
    ]
    assert found.migrations[0].text == "select 1;\n"
    assert [file.name for file in found.repeatable] == [
        "functions/10_y.sql", "functions/20_z.sql", "views/a.sql",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"0001_a": "", "0003_c": ""}, "without gaps"),
        ({"first": ""}, r"expected a name like 0007_what_it_does\.sql"),
        ({"0001_a": "--! braking"}, "unknown marker braking"),
    ],
)
def test_files_that_make_no_sense(tmp_path: Path, names: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        sql_files.load(write(tmp_path, **names))


def test_the_sql_of_a_checkout() -> None:
    assert (sql_files.sql_root() / "migrations" / "0001_core.sql").is_file()


def test_the_sql_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sql").mkdir()
    monkeypatch.setattr("pgdurable.store.sql_files.files", {"pgdurable": tmp_path}.__getitem__)
    assert sql_files.sql_root() == tmp_path / "sql"
