"""The database of `pgdurable dev`: an embedded PostgreSQL, or the one that --dsn names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from pgdurable.embedded import DEFAULT_VERSION, EmbeddedPostgres, EmbeddedPostgresError
from pgdurable_cli.children.channel import Start
from pgdurable_cli.commands.processes import migrated
from pgdurable_cli.database import Query, connected, place, psql_command
from pgdurable_cli.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DevDatabase", "Embedded", "External", "hurry"]

T = TypeVar("T")


class DevDatabase(Protocol):
    """Blocking: the parent calls it in a thread."""

    psql: str
    about: str

    def open(self) -> Start:
        """Where it is, with pgdurable's schema in place. Raises Failure."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Hurried:
    count: int


def hurry(dsn: str) -> int:
    """Have what waits for its next attempt try at once; how many."""
    with connected(dsn) as database:
        hurried = database.one(Query("cli_hurry", Hurried))
    return hurried.count if hurried else 0


class External:
    """Somebody else's server: it is migrated, and left alone in the end."""

    def __init__(self, dsn: str, listen_dsn: str | None) -> None:
        self._start = Start(dsn, listen_dsn)
        self.psql = psql_command(dsn)
        self.about = place(dsn)

    def open(self) -> Start:
        migrated(self._start.dsn)
        return self._start

    def close(self) -> None:
        pass


class Embedded:
    """A server of our own on a directory that stays."""

    def __init__(self, data: Path | None, port: int) -> None:
        directory = None if data is None else data / f"pg{DEFAULT_VERSION}"
        self._server = explained(lambda: EmbeddedPostgres(directory, version=DEFAULT_VERSION, port=port))
        self.psql = f"psql -h localhost -p {port}"
        self.about = f"PostgreSQL {DEFAULT_VERSION}, data in {short(self._server.data_dir)}"

    def open(self) -> Start:
        explained(self._server.start)
        dsn = self._server.dsn()
        migrated(dsn)
        return Start(dsn)

    def close(self) -> None:
        explained(self._server.stop)


def explained(action: Callable[[], T]) -> T:
    try:
        return action()
    except EmbeddedPostgresError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot use the data directory: {error}") from None


def short(path: Path) -> str:
    """Relative to where we are, when it is below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
