"""Changes of the application's files, collected while nobody looks."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from watchfiles.main import FileChange

__all__ = ["Watch"]


class Watch:
    """Python files in these directories, from now on. Without directories nothing ever changes."""

    def __init__(self, directories: Iterable[str]) -> None:
        self._directories = set(directories)
        self._changes = self._watch()
        self._next = self._look()

    def changed(self) -> asyncio.Task[set[FileChange]]:
        """Done when something has changed since `taken` was last called. Not to be cancelled."""
        return self._next

    def taken(self) -> str:
        """The names of what has changed."""
        paths = sorted({path for _, path in self._next.result()})
        self._next = self._look()
        return ", ".join(shown(path) for path in paths)

    async def extend(self, directories: Iterable[str]) -> None:
        """Watch these as well."""
        new = set(directories) - self._directories
        if new and self._directories:
            await self.close()
            self._directories |= new
            self._changes = self._watch()
            self._next = self._look()

    async def close(self) -> None:
        self._next.cancel()
        await asyncio.wait((self._next,))

    def _look(self) -> asyncio.Task[set[FileChange]]:
        return asyncio.ensure_future(anext(self._changes))

    async def _watch(self) -> AsyncGenerator[set[FileChange]]:
        if not self._directories:
            await asyncio.Event().wait()
        from watchfiles import PythonFilter, awatch  # pyright: ignore[reportUnknownVariableType]

        # Not recursive: each directory with a module of the application is named by itself.
        async for changes in awatch(*self._directories, watch_filter=PythonFilter(), recursive=False):
            yield changes


def shown(path: str) -> str:
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else path
