"""The PostgreSQL server that all harnesses of a test run share. Started by the first that needs it."""

from __future__ import annotations

import atexit
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgdurable.embedded.ephemeral import EphemeralFolder
from pgdurable.testing.databases import Databases

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class Run:
    """One run of tests: its folder, which this process owns unless it was handed to it, and its server."""

    def __init__(self, path: Path | None = None) -> None:
        self._folder = None if path is None else EphemeralFolder(path)
        self._owns = path is None
        self._databases: Databases | None = None

    @property
    def folder(self) -> EphemeralFolder:
        """Made when first asked for."""
        if self._folder is None:
            self._folder = EphemeralFolder.make()
            atexit.register(self.end)
        return self._folder

    def databases(self) -> Databases:
        """Those of its server, which is running then. Blocks."""
        if self._databases is None:
            self._databases = Databases(self.folder.server(), self)
        return self._databases

    @contextmanager
    def locked(self) -> Generator[None]:
        """One process at a time."""
        with self.folder.locked():
            yield

    @contextmanager
    def once(self, what: str) -> Generator[bool]:
        """One process at a time; whether ``what`` is to be done still. If it raises, it is."""
        done = self.folder.path / f"{what}.done"
        with self.locked():
            first = not done.exists()
            yield first
            done.touch()

    def end(self) -> None:
        """Its owner ends the server and removes the folder. May be called twice."""
        if self._owns and self._folder is not None:
            self._folder.remove()
        self._folder = self._databases = None


run = Run()
"""Of this process."""
