"""The PostgreSQL server that all harnesses of a test run share. Started by the first that needs it."""

from __future__ import annotations

import os
import threading
from typing import Protocol

from pgdurable.embedded.binaries import DEFAULT_VERSION
from pgdurable.embedded.ephemeral import EphemeralFolder
from pgdurable.store.dsn import changed
from pgdurable.testing.databases import Databases


class Session:
    """One run of tests, as one of its processes sees it. The others have the same ``name``."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self._folder: EphemeralFolder | None = None
        self._databases: Databases | None = None
        self._turn = threading.RLock()  # harnesses that start side by side do so in threads

    @property
    def folder(self) -> EphemeralFolder:
        """Its folder, made when first asked for."""
        with self._turn:
            if self._folder is None:
                self._folder = EphemeralFolder.join(self.name)
            return self._folder

    def databases(self, version: int = DEFAULT_VERSION) -> Databases:
        """Those of its server, which is running then. Blocks. Raises EmbeddedPostgresError."""
        with self._turn:
            if self._databases is None:
                self._databases = Databases(self.folder.server(version))
            return self._databases


session = Session(os.environ.get("PGDURABLE_RUN"))
"""That of this process. Those that the plugin for pytest starts together have the name of their run."""


class ServerAt:
    """A server somewhere else, known by a connection string with a role that may create databases."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def dsn(self, database: str | None = None, user: str | None = None) -> str:
        """The same, for another database."""
        return changed(self._dsn, database, user)


class Container(Protocol):
    """A PostgreSQL of testcontainers, started."""

    def get_connection_url(self, host: str | None = None, driver: str | None = None) -> str:
        """How to connect to it."""
        ...


def databases_at(server: str | Container) -> Databases:
    """Databases on a server that is not ours: a connection string, or a container."""
    return Databases(ServerAt(server if isinstance(server, str) else server.get_connection_url(driver=None)))
