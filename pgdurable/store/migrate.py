"""Brings a database to the schema of this release. Any number of processes may do so at once.

Numbered files (sql/migrations) run once and in order. Functions and views are a set that is applied again,
whole, whenever its hash differs from the recorded one: so a function has one home, and its history is its
`git log`. Everything happens in one transaction, but for files marked `--! no-transaction`, which run alone.

`create or replace` cannot drop a column of a view or change the result of a function, and makes an overload
of one with new arguments. Then all functions and views are dropped and created anew, in the same transaction.

    MigrationError
     +-- CannotConnect
     +-- ServerTooOld       PostgreSQL 14 or older
     +-- DatabaseNewer      the database has seen a newer release than this one
     +-- MigrationChanged   a file that this database has run is not what it was
     +-- MigrationFailed    PostgreSQL refused something

The text of each is one line that a command can print as it is.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row

from pgdurable.__about__ import __version__
from pgdurable.store import sql_files
from pgdurable.store.said import said_by

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from pgdurable.store.sql_files import Migration, SqlFile, SqlFiles

    Connection = psycopg.Connection[tuple[Any, ...]]

__all__ = [
    "CannotConnect",
    "DatabaseNewer",
    "MigrationChanged",
    "MigrationError",
    "MigrationFailed",
    "MigrationReport",
    "ServerTooOld",
    "migrate",
]

OLDEST_SERVER = 15
CONNECT_SECONDS = 10
LOCK = "select pg_try_advisory_xact_lock(9070, 0)"  # without arguments: those leave a snapshot open
POLL_SECONDS = 0.02
LOCK_SECONDS = 1
PAUSES = (0.1, 0.2, 0.5, *(1.0,) * 20)
"""Seconds after which a migration is tried again that did not get its locks."""
PASSING = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
NOT_IN_PLACE = (errors.InvalidTableDefinition, errors.InvalidFunctionDefinition)

RECORDS = """
    create schema if not exists pgdurable_engine;
    create table if not exists pgdurable_engine.migration (
        number     int primary key,
        name       text not null,
        checksum   text not null,
        breaking   boolean not null,
        release    text not null,
        applied_at timestamptz not null default clock_timestamp()
    );
    create table if not exists pgdurable_engine.repeatable (
        one        boolean primary key default true check (one),
        checksum   text not null,
        release    text not null,
        applied_at timestamptz not null default clock_timestamp()
    );
"""


class MigrationError(Exception):
    """The database is as it was before."""


class CannotConnect(MigrationError):
    pass


class ServerTooOld(MigrationError):
    pass


class DatabaseNewer(MigrationError):
    def __init__(self, message: str, *, breaking: bool) -> None:
        super().__init__(message)
        self.breaking = breaking
        """Whether one of the unknown migrations says that older code cannot run on its result."""


class MigrationChanged(MigrationError):
    pass


class MigrationFailed(MigrationError):
    pass


@dataclass(frozen=True, slots=True)
class MigrationReport:
    applied: tuple[str, ...]
    """Numbered files that ran now."""
    refreshed: bool
    """Functions and views were applied."""
    version: int
    """The last numbered file of the database."""

    @property
    def changed(self) -> bool:
        return bool(self.applied) or self.refreshed

    def __str__(self) -> str:
        if not self.changed:
            return f"schema {self.version} is up to date"
        done = [*self.applied, *(["functions and views"] if self.refreshed else [])]
        return f"schema {self.version}: applied {', '.join(done)}"


@dataclass(frozen=True, slots=True)
class Applied:
    number: int
    name: str
    checksum: str
    breaking: bool
    release: str


@dataclass(frozen=True, slots=True)
class Repeated:
    checksum: str
    release: str


@dataclass(frozen=True, slots=True)
class Records:
    applied: tuple[Applied, ...]
    repeated: Repeated | None


@dataclass(frozen=True, slots=True)
class Plan:
    pending: tuple[Migration, ...]
    refresh: bool
    version: int

    @property
    def empty(self) -> bool:
        return not self.pending and not self.refresh

    def report(self) -> MigrationReport:
        names = tuple(migration.name for migration in self.pending)
        return MigrationReport(names, self.refresh, self.version)


def migrate(dsn: str, *, files: SqlFiles | None = None, release: str = __version__) -> MigrationReport:
    """Blocks while another process migrates, then finds the work done. Raises a MigrationError."""
    files = files or sql_files.load()
    with connected(dsn) as connection:
        # Without the lock first: most starts find nothing to do, and so wait for nobody.
        if (plan := make_plan(files, read_records(connection), release)).empty:
            return plan.report()
        with only_one(dsn):
            plan = make_plan(files, read_records(connection), release)
            if not plan.empty:
                carry_out(connection, plan, files, release)
            return plan.report()


def outstanding(dsn: str) -> Plan:
    """What `migrate` would do. Raises a MigrationError: what it would raise."""
    with connected(dsn) as connection:
        return make_plan(sql_files.load(), read_records(connection), __version__)


# --- what is to be done: decided from data alone


def make_plan(files: SqlFiles, records: Records, release: str) -> Plan:
    known = {migration.number: migration for migration in files.migrations}
    refuse_newer(known, records, release)
    for applied in records.applied:
        if known[applied.number].checksum != applied.checksum:
            raise MigrationChanged(
                f"{applied.name} is not the file this database ran (pgdurable {applied.release}):"
                " migrations are frozen once applied; restore the file, or start with a new database"
            )
    done = {applied.number for applied in records.applied}
    return Plan(
        pending=tuple(migration for migration in files.migrations if migration.number not in done),
        refresh=records.repeated is None or records.repeated.checksum != files.repeatable_checksum,
        version=len(files.migrations),
    )


def refuse_newer(known: dict[int, Migration], records: Records, release: str) -> None:
    unknown = [applied for applied in records.applied if applied.number not in known]
    written_by = [applied.release for applied in unknown]
    if records.repeated is not None and release_order(records.repeated.release) > release_order(release):
        written_by.append(records.repeated.release)
    if written_by:
        newest = max(written_by, key=release_order)
        raise DatabaseNewer(
            f"the database was migrated by pgdurable {newest}, this is {release}: upgrade pgdurable",
            breaking=any(applied.breaking for applied in unknown),
        )


def release_order(release: str) -> tuple[int, ...]:
    """Only the numbers count: a pre-release and its release have the same functions to offer."""
    return tuple(int(number) for number in re.split(r"[^\d.]", release)[0].split(".") if number)


# --- doing it


def carry_out(connection: Connection, plan: Plan, files: SqlFiles, release: str) -> None:
    bounded(connection, lambda: make_records(connection))
    pending = list(plan.pending)
    while pending and not all(migration.in_transaction for migration in pending):
        together = take_transactional(pending)
        bounded(connection, partial(run_migrations, connection, together, release))
        run_alone(connection, pending.pop(0), release)
    bounded(connection, lambda: finish(connection, plan, pending, files, release))
    with failing_as("telling processes"):
        connection.execute("select pg_notify('pgdurable', 'schema')")


def finish(
    connection: Connection, plan: Plan, pending: list[Migration], files: SqlFiles, release: str
) -> None:
    run_migrations(connection, pending, release)
    if plan.refresh:
        apply_repeatable(connection, files.repeatable)
        record_repeatable(connection, files.repeatable_checksum, release)
    if any(migration.breaking for migration in plan.pending):
        end_workers(connection)


def bounded(connection: Connection, work: Callable[[], None]) -> None:
    """In one transaction that waits for nobody's lock for long, since all who come later wait behind it:
    rather it is rolled back, and tried again when they had their turn.
    """
    for pause in (*PAUSES, None):
        try:
            with connection.transaction():
                connection.execute("select set_config('lock_timeout', %s, true)", (f"{LOCK_SECONDS}s",))
                work()
            return
        except MigrationFailed as failure:
            if pause is None or not isinstance(failure.__cause__, PASSING):
                raise
            time.sleep(pause)


def end_workers(connection: Connection) -> None:
    """After a breaking migration: what older ones ran is given back, and they can write nothing more. They
    find out what has happened when they join again.
    """
    with failing_as("ending the workers of older releases"):
        there = connection.execute("select to_regproc('pgdurable_engine.end_workers') is not null").fetchone()
        if there == (True,):
            connection.execute(
                "select pgdurable_engine.end_workers(array(select w.id from pgdurable_engine.worker w), null)"
            )


def make_records(connection: Connection) -> None:
    with failing_as("the records of migrations"):
        connection.execute(RECORDS)


def take_transactional(pending: list[Migration]) -> list[Migration]:
    together: list[Migration] = []
    while pending[0].in_transaction:
        together.append(pending.pop(0))
    return together


def run_migrations(connection: Connection, migrations: Sequence[Migration], release: str) -> None:
    for migration in migrations:
        record(connection, migration, release)
        run_file(connection, migration)


def run_alone(connection: Connection, migration: Migration, release: str) -> None:
    """For what PostgreSQL does only outside a transaction. Recorded last: after a crash it runs again."""
    drop_invalid_indexes(connection)
    run_file(connection, migration)
    record(connection, migration, release)


def drop_invalid_indexes(connection: Connection) -> None:
    """What an interrupted `create index concurrently` left: it costs every write and serves nobody."""
    invalid = connection.execute("""
        select c.relname
        from pg_index x join pg_class c on c.oid = x.indexrelid
        where not x.indisvalid and c.relnamespace = 'pgdurable_engine'::regnamespace and c.relkind = 'i'
    """).fetchall()
    for (name,) in invalid:
        drop = sql.SQL("drop index concurrently pgdurable_engine.{}")
        connection.execute(drop.format(sql.Identifier(name)))


def run_file(connection: Connection, file: SqlFile) -> None:
    with failing_as(f"sql/{file.name}", file.text):
        connection.execute(file.text.encode())


def record(connection: Connection, migration: Migration, release: str) -> None:
    connection.execute(
        "insert into pgdurable_engine.migration (number, name, checksum, breaking, release)"
        " values (%s, %s, %s, %s, %s)",
        (migration.number, migration.name, migration.checksum, migration.breaking, release),
    )


def record_repeatable(connection: Connection, checksum: str, release: str) -> None:
    connection.execute("delete from pgdurable_engine.repeatable")
    connection.execute(
        "insert into pgdurable_engine.repeatable (checksum, release) values (%s, %s)", (checksum, release)
    )


def apply_repeatable(connection: Connection, files: Sequence[SqlFile]) -> None:
    """In place where that is possible: grants and users' own views on ours then survive."""
    # Whatever is not qualified fails here rather than on a connection with another search_path.
    connection.execute("set local search_path = pg_catalog")
    try:
        with connection.transaction():
            for file in files:
                run_file(connection, file)
            if not overloads(connection):
                return
            raise psycopg.Rollback  # to the savepoint
    except MigrationFailed as failure:
        if not isinstance(failure.__cause__, NOT_IN_PLACE):
            raise
    drop_repeatable(connection)
    for file in files:
        run_file(connection, file)


def overloads(connection: Connection) -> bool:
    """No function of ours is: a second one of a name is what a change of arguments left behind."""
    row = connection.execute("""
        select exists (
            select from pg_proc p
            where p.pronamespace in ('pgdurable'::regnamespace, 'pgdurable_engine'::regnamespace)
            group by p.pronamespace, p.proname
            having count(*) > 1
        )
    """).fetchone()
    return row is not None and bool(row[0])


def drop_repeatable(connection: Connection) -> None:
    """Not what others built on it: they are told that they depend on it."""
    with failing_as("dropping functions and views, to create them anew"):
        connection.execute("""
            do $$
            declare
                v_drop text;
            begin
                select 'drop view ' || string_agg(c.oid::regclass::text, ', ') into v_drop
                from pg_class c where c.relnamespace = 'pgdurable'::regnamespace and c.relkind = 'v';
                if v_drop is not null then
                    execute v_drop;
                end if;
                select 'drop routine ' || string_agg(p.oid::regprocedure::text, ', ') into v_drop
                from pg_proc p
                where p.pronamespace in ('pgdurable'::regnamespace, 'pgdurable_engine'::regnamespace);
                if v_drop is not null then
                    execute v_drop;
                end if;
            end $$
        """)


# --- the database as it is


def read_records(connection: Connection) -> Records:
    with failing_as("reading the records of migrations"), connection.transaction():
        there = connection.execute("select to_regclass('pgdurable_engine.repeatable') is not null").fetchone()
        if there is None or not there[0]:
            return Records((), None)
        with connection.cursor(row_factory=class_row(Applied)) as cursor:
            cursor.execute(
                "select number, name, checksum, breaking, release"
                " from pgdurable_engine.migration order by number"
            )
            applied = tuple(cursor)
        with connection.cursor(row_factory=class_row(Repeated)) as cursor:
            cursor.execute("select checksum, release from pgdurable_engine.repeatable")
            return Records(applied, cursor.fetchone())


@contextmanager
def connected(dsn: str) -> Generator[Connection]:
    """Behind a pooler each transaction may be on another connection: so nothing here rests on the session."""
    try:
        options = conninfo_to_dict(dsn)
        options.setdefault("connect_timeout", CONNECT_SECONDS)
        options.setdefault("application_name", "pgdurable migrate")
        connection = psycopg.connect(
            **cast("dict[str, Any]", options), autocommit=True, prepare_threshold=None
        )
    except psycopg.Error as error:
        raise CannotConnect(f"cannot connect to PostgreSQL: {said_by(error)}") from error
    with connection:
        if connection.info.server_version < OLDEST_SERVER * 10_000:
            found = connection.info.parameter_status("server_version")
            raise ServerTooOld(f"PostgreSQL {found} is too old: pgdurable needs {OLDEST_SERVER} or newer")
        yield connection


@contextmanager
def only_one(dsn: str) -> Generator[None]:
    """Holds a lock in a transaction that does nothing else: behind a pooler there are no others.

    Asked for again and again rather than waited for: who waits in a statement holds a snapshot, and
    `create index concurrently` in the process that has the lock would wait for it in turn.
    """
    with connected(dsn) as guard:
        while True:
            with failing_as("waiting for others that migrate"), guard.transaction():
                guard.execute("set local idle_in_transaction_session_timeout = 0")
                if guard.execute(LOCK).fetchone() == (True,):
                    yield
                    return
            time.sleep(POLL_SECONDS)


# --- failures in one line


@contextmanager
def failing_as(what: str, text: str = "") -> Generator[None]:
    try:
        yield
    except psycopg.Error as error:
        position = error.diag.statement_position
        line = f", line {text.count(chr(10), 0, int(position) - 1) + 1}" if position and text else ""
        told = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
        detail = f" ({' '.join(error.diag.message_detail.split())})" if error.diag.message_detail else ""
        raise MigrationFailed(f"{what}{line}: {told}{detail}") from error
