"""Databases for tests: clones of one that was migrated once, in some 20 ms each where data is in memory."""

from __future__ import annotations

import itertools
import os
from secrets import token_hex
from typing import Final, Protocol

from pgdurable.store import sql_files
from pgdurable.store.migrate import migrate
from pgdurable.store.testing import database_exists, execute_each, rename_database

EMPTY: Final = "template1"
_numbers = itertools.count(1)


class Server(Protocol):
    """What is needed of a PostgreSQL server, wherever it runs."""

    def dsn(self, database: str | None = None, user: str | None = None) -> str:
        """How to connect to one of its databases, as a role that may create databases."""
        ...


class Databases:
    """Fresh databases on one server. All of it blocks, and raises ``psycopg.Error``."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._admin = server.dsn("postgres")
        self._template: str | None = None

    @property
    def template(self) -> str:
        """The name of a database with the schema in it that nobody is connected to, made when first asked
        for.

        Its name says which schema. It is made under another one: of two processes that make it at once, one
        has made it in vain.
        """
        if self._template is None:
            files = sql_files.load()
            name = f"pgdurable_{files.checksum[:16]}"
            if not database_exists(self._admin, name):
                self._make(name)
            self._template = name
        return self._template

    def create(self, template: str | None = None) -> str:
        """A new database, a clone of ``template``, by default with the schema in it: its name."""
        name = f"pgdurable_test_{os.getpid()}_{next(_numbers)}_{token_hex(2)}"
        execute_each(
            self._admin, f"create database {name} template {template or self.template} strategy file_copy"
        )
        return name

    def drop(self, name: str) -> None:
        """Away with it, and with whoever is connected still."""
        execute_each(self._admin, f"drop database if exists {name} with (force)")

    def _make(self, name: str) -> None:
        making = f"{name}_{os.getpid()}_{token_hex(2)}"
        execute_each(self._admin, f"create database {making}")
        try:
            migrate(self.server.dsn(making))
            rename_database(self._admin, making, name)
        finally:
            self.drop(making)
