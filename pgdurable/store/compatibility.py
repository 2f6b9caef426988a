"""Whether this release can work with the schema of a database: asked on every new connection.

A schema may be migrated while older processes run. That of this very release fits, of course. A newer one
does if no migration says that it breaks older code, every statement of the engine can still be prepared, and
every row that is exchanged has its columns. So PostgreSQL says what fits, not a list that somebody keeps.
"""

from __future__ import annotations

import asyncio
import logging
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import asyncpg

from pgdurable.__about__ import __version__
from pgdurable.store import sql_files
from pgdurable.store.errors import Outdated
from pgdurable.store.query import query
from pgdurable.store.rows import COMPOSITES

if TYPE_CHECKING:
    from pgdurable.store.sql_files import SqlFiles

    Connection = asyncpg.Connection[asyncpg.Record]

log = logging.getLogger("pgdurable.store")

REMEDY = "`pgdurable migrate` if it is older, else replace this process by the release that has migrated it"

OTHERS = ("cli_", "client_", "pooled", "heartbeat", "take_presence")
"""Statements of commands and clients, and of the heart, whose failure ends its worker anyhow."""


class Schema(NamedTuple):
    """What was applied to a database: numbers of migrations, and the checksum of functions and views."""

    numbers: list[int]
    breaking: list[int]
    migrated_by: str
    functions: str | None


class Guard:
    """Remembers what it has found to fit. `outdated` is set when something does not, with the reason."""

    def __init__(self, files: SqlFiles | None = None) -> None:
        self._files = files
        self._fits: set[tuple[int, str | None]] = set()
        self.outdated = asyncio.Event()
        self.reason = ""

    async def check(self, connection: Connection) -> None:
        """Raises :exc:`Outdated`, and what the driver raises."""
        try:
            schema = await schema_of(connection)
            if (state := (len(schema.numbers), schema.functions)) in self._fits:
                return
            if not is_ours(schema, self._files or own_files()):
                await require_statements(connection)
                await require_columns(connection)
                log.info("the schema was changed by pgdurable %s, and fits", schema.migrated_by)
        except Outdated as error:
            self.reason = str(error)
            self.outdated.set()
            raise
        self._fits.add(state)


@cache
def own_files() -> SqlFiles:
    """Those of this release: they were read when it was started, and stay as they were."""
    return sql_files.load()


async def schema_of(connection: Connection) -> Schema:
    try:
        row = await connection.fetchrow(query("schema"))
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        raise Outdated("the database has no schema of pgdurable: `pgdurable migrate` makes it") from None
    assert row is not None
    return Schema(*row)


def is_ours(schema: Schema, files: SqlFiles) -> bool:
    """Whether the schema is exactly that of this release. Raises :exc:`Outdated` where that is plainly out of
    question.
    """
    known = [migration.number for migration in files.migrations]
    if missing := sorted(set(known) - set(schema.numbers)):
        raise Outdated(
            f"the schema of the database lacks migration {missing[0]:04} of pgdurable {__version__}: "
            "run `pgdurable migrate` first"
        )
    if broken := sorted(set(schema.breaking) - set(known)):
        raise Outdated(
            f"pgdurable {schema.migrated_by} has migrated the database, and pgdurable {__version__} cannot "
            f"work with migration {broken[0]:04}: replace this process by one of the newer release"
        )
    return schema.numbers == known and schema.functions == files.repeatable_checksum


async def require_statements(connection: Connection) -> None:
    for name in statements():
        try:
            async with connection.transaction():
                await connection.prepare(query(name), name="")
        except asyncpg.PostgresError as error:
            if isinstance(error, PASSING):
                raise
            raise Outdated(
                f"the schema of the database does not fit pgdurable {__version__} ({name}: {error}): {REMEDY}"
            ) from error


async def require_columns(connection: Connection) -> None:
    found = {name: columns for name, columns in await connection.fetch(query("composites"), list(COMPOSITES))}
    for name, row in COMPOSITES.items():
        wanted = ["index" if field == "position" else field for field in row._fields]
        if found.get(name) != wanted:
            raise Outdated(
                f"the schema of the database does not fit pgdurable {__version__} (type {name}): {REMEDY}"
            )


@cache
def statements() -> list[str]:
    """The names of what the engine sends."""
    names = (entry.name.removesuffix(".sql") for entry in (sql_files.sql_root() / "queries").iterdir())
    return sorted(name for name in names if not name.startswith(OTHERS))


PASSING = (
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresConnectionError,
)
"""Errors that say nothing of the schema."""
