"""Databases for tests: clones of one that was migrated once, in some 20 ms each where data is in memory."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Final, Protocol

from pgdurable.store.testing import execute_each

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

TEMPLATE: Final = "pgdurable_template"
_numbers = itertools.count(1)


class Server(Protocol):
    """What is needed of a PostgreSQL server, wherever it runs."""

    def dsn(self, database: str | None = None, user: str | None = None) -> str:
        """How to connect to one of its databases, as a role that may create databases."""
        ...


class Shared(Protocol):
    """What the processes that use one server have in common."""

    def locked(self) -> AbstractContextManager[None]:
        """One process at a time."""
        ...

    def once(self, what: str) -> AbstractContextManager[bool]:
        """Like `locked`; tells whether ``what`` is still to be done, by whoever is first."""
        ...


class Databases:
    """Fresh databases on one server. All of it blocks."""

    def __init__(self, server: Server, shared: Shared) -> None:
        self.server = server
        self._shared = shared

    def template(self) -> str:
        """The name of a database with the schema in it that nobody is connected to."""
        from pgdurable.store.migrate import migrate

        with self._shared.once(TEMPLATE) as first:
            if first:
                execute_each(
                    self.server.dsn("postgres"),
                    f"drop database if exists {TEMPLATE} with (force)",
                    f"create database {TEMPLATE}",
                )
                migrate(self.server.dsn(TEMPLATE))
        return TEMPLATE

    def create(self, template: str | None = None) -> str:
        """A new database, a clone of ``template``, by default with the schema in it: its name."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        source = template or self.template()
        execute_each(
            self.server.dsn("postgres"), f"create database {name} template {source} strategy file_copy"
        )
        return name

    def drop(self, name: str) -> None:
        """Away with it, and with whoever is connected still."""
        execute_each(self.server.dsn("postgres"), f"drop database if exists {name} with (force)")
