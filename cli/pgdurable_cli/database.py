"""The database as the commands see it: introspection views to read, functions to act.

psycopg and not the engine's driver: a command runs one query and ends, and needs no event loop for that. The
statements are files (`sql/queries/cli_*.sql`), each with the record that a row of it becomes.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import BaseRowFactory, class_row, tuple_row

from pgdurable.embedded import DEFAULT_PORT, os_user
from pgdurable.store.again import again_blocking
from pgdurable.store.errors import SchemaMoved, TryAgain, translate
from pgdurable.store.isolation import read_committed_blocking
from pgdurable.store.query import query
from pgdurable.store.said import said_by
from pgdurable_cli.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Column", "Database", "Query", "Table", "connected", "default_dsn", "place", "psql_command"]

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30.0
NO_SCHEMA = (
    errors.UndefinedTable,
    errors.UndefinedFunction,
    errors.UndefinedColumn,
    errors.InvalidSchemaName,
)

TOLD_APART = (errors.QueryCanceled, errors.InsufficientPrivilege)

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Query(Generic[Row]):
    """A statement of `sql/queries` and what a row of it is."""

    name: str
    row: type[Row]

    @property
    def text(self) -> str:
        return query(self.name)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The result of a statement nobody knew before."""

    columns: list[Column]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Check:
    migrations: int


@dataclass(frozen=True, slots=True)
class Clock:
    seconds: float


@dataclass(frozen=True, slots=True)
class Peer:
    port: int | None


class Database:
    """One connection, with what a command does on it. Made by `connected`."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def all(self, statement: Query[Row], *arguments: object) -> list[Row]:
        with explained(self._connection.info.dbname):
            return again_blocking(lambda: self._send(statement, *arguments))

    def one(self, statement: Query[Row], *arguments: object) -> Row | None:
        rows = self.all(statement, *arguments)
        return rows[0] if rows else None

    def check(self) -> None:
        """Raises Failure unless this is a database with pgdurable's schema."""
        self.all(Query("cli_check", Check))

    def within(self, seconds: float, text: str, row: type[Row]) -> list[Row]:
        """The rows of a statement that may change nothing. Raises TimeoutError, PermissionError."""
        connection = self._connection
        connection.read_only = True
        cursor = self._cursor(class_row(row))
        try:
            with explained(connection.info.dbname, *TOLD_APART), connection.transaction(), cursor:
                cursor.execute(query("cli_session").encode(), (f"{max(round(seconds * 1000), 1)}ms",))
                cursor.execute(text.encode())
                return cursor.fetchall()
        except errors.QueryCanceled as error:
            raise TimeoutError(said_by(error)) from error
        except errors.InsufficientPrivilege as error:
            raise PermissionError(said_by(error)) from error

    def clock(self) -> float:
        """PostgreSQL's, in seconds since 1970."""
        now = self.one(Query("cli_clock", Clock))
        assert now is not None, "a select without a table gives one row"
        return now.seconds

    def without_transactions(self) -> str | None:
        """What is said to a transaction, where there can be none: a pooler in statement mode says so."""
        try:
            with self._connection.transaction():
                return None
        except psycopg.Error as error:
            return said_by(error)

    @property
    def relayed(self) -> bool:
        """Whether PostgreSQL sees another connection than the one that leaves here."""
        peer = self.one(Query("cli_peer", Peer))
        try:
            with socket.socket(fileno=os.dup(self._connection.fileno())) as own:
                here = own.getsockname()[1] if own.family in (socket.AF_INET, socket.AF_INET6) else None
        except OSError:
            return False
        return peer is not None and peer.port != here

    def read(self, text: str, timeout_seconds: float) -> Table:
        """Run the user's own statement so that it can change nothing and ends some day."""
        connection = self._connection
        connection.read_only = True
        cursor = self._cursor(tuple_row)
        with explained(connection.info.dbname), connection.transaction(), cursor:
            cursor.execute(query("cli_session").encode(), (f"{round(timeout_seconds * 1000)}ms",))
            with connection.pipeline():  # which is parsed as one statement, whatever it says
                cursor.execute(text.encode())
            columns = [
                Column(column.name, is_numeric(column.type_code)) for column in cursor.description or ()
            ]
            return Table(columns, cursor.fetchall() if columns else [])

    def _send(self, statement: Query[Row], *arguments: object) -> list[Row]:
        def rows() -> list[Row]:
            with self._cursor(class_row(statement.row)) as cursor:
                cursor.execute(statement.text.encode(), arguments)
                return cursor.fetchall()

        with passing_told_apart():
            return read_committed_blocking(self._connection, rows)

    def _cursor(self, factory: BaseRowFactory[Row]) -> psycopg.Cursor[Row]:
        return psycopg.RawCursor(self._connection, row_factory=factory)


def is_numeric(oid: int) -> bool:
    registered = psycopg.adapters.types.get(oid)
    return registered is not None and registered.name in {
        "int2", "int4", "int8", "float4", "float8", "numeric",
    }  # fmt: skip


def default_dsn() -> str:
    """The database that `pgdurable dev` keeps on this machine."""
    return make_conninfo(host="localhost", port=DEFAULT_PORT, user=os_user(), dbname=os_user())


def place(dsn: str) -> str:
    """Where a DSN leads, without its password."""
    try:
        options = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        raise Failure(f"not a PostgreSQL connection string: {said_by(error)}") from None
    except UnicodeEncodeError:
        raise Failure("not a PostgreSQL connection string: it contains bytes that are no text") from None
    host, port = options.get("host") or "localhost", options.get("port") or "5432"
    name = options.get("dbname") or options.get("user") or ""
    return f"{host}:{port}/{name}".removesuffix("/")


def psql_command(dsn: str) -> str:
    """How to get there by hand. The password is left to be asked for."""
    place(dsn)  # raises Failure for what is not a DSN
    options = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if name != "password"}
    return f'psql "{make_conninfo("", **options)}"'


@contextmanager
def connected(dsn: str | None) -> Generator[Database]:
    """A connection to the DSN, or to the database of `pgdurable dev` when there is none."""
    where = place(dsn) if dsn else f"localhost:{DEFAULT_PORT}"
    try:
        connection = psycopg.connect(
            dsn or default_dsn(),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="pgdurable cli",
            prepare_threshold=None,  # a pooler gives a prepared statement to others
        )
    except psycopg.Error as error:
        if dsn:
            raise Failure(f"cannot connect to PostgreSQL at {where}: {said_by(error)}") from None
        raise Failure(
            f"no PostgreSQL answers at {where}", "start `pgdurable dev`, or set --dsn or PGDURABLE_DSN"
        ) from None
    with connection:
        yield Database(connection)


@contextmanager
def passing_told_apart() -> Generator[None]:
    """What PostgreSQL rolled back for a passing reason is a TryAgain."""
    try:
        yield
    except psycopg.Error as error:
        translated = translate(error)
        if isinstance(translated, TryAgain) and not isinstance(translated, SchemaMoved):
            raise translated from error
        raise


@contextmanager
def explained(database: str, *but: type[psycopg.Error]) -> Generator[None]:
    """PostgreSQL's errors as one line each, but for some."""
    try:
        yield
    except but:
        raise
    except NO_SCHEMA as error:
        if "pgdurable" not in str(error).partition("\n")[0]:
            raise Failure(said_by(error)) from None
        raise Failure(
            f"the database {database!r} is not one of this release ({said_by(error)})",
            "`pgdurable migrate` makes it one",
        ) from None
    except TryAgain as error:
        raise Failure(str(error), "the command may be repeated") from None
    except UnicodeEncodeError:
        raise Failure("an argument contains bytes that are no text in UTF-8") from None
    except psycopg.Error as error:
        raise Failure(said_by(error), error.diag.message_hint) from None
