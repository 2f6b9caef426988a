"""The SQL of this release: numbered migrations and the repeatable set (functions, views).

In a wheel the folder `sql` lies inside the package, in a checkout beside it. Its README says how to add one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

__all__ = ["Migration", "SqlFile", "SqlFiles", "load", "sql_root"]

MARKER = re.compile(r"^--\s*!\s*(\S+)", re.MULTILINE)
NUMBERED = re.compile(r"(\d{4})_\w+\.sql")
MARKERS = {"breaking", "no-transaction"}


@dataclass(frozen=True, slots=True)
class SqlFile:
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Migration(SqlFile):
    """A numbered file: run once, forward only, never changed after its release."""

    number: int

    @property
    def breaking(self) -> bool:
        """Code that does not know this migration cannot run on its result."""
        return "breaking" in MARKER.findall(self.text)

    @property
    def in_transaction(self) -> bool:
        return "no-transaction" not in MARKER.findall(self.text)


@dataclass(frozen=True, slots=True)
class SqlFiles:
    migrations: tuple[Migration, ...]
    repeatable: tuple[SqlFile, ...]
    """Functions, then views, in file order: applied as one set whenever one of them changes."""

    @property
    def repeatable_checksum(self) -> str:
        return _checksum(self.repeatable)

    @property
    def checksum(self) -> str:
        """Of all that makes a schema."""
        return _checksum((*self.migrations, *self.repeatable))


def _checksum(files: Iterable[SqlFile]) -> str:
    lines = (f"{file.name} {file.checksum}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def sql_root() -> Traversable:
    installed = files("pgdurable") / "sql"
    if installed.is_dir():
        return installed
    return Path(__file__).parents[2] / "sql"


def load(folder: Traversable | None = None) -> SqlFiles:
    root = folder or sql_root()
    migrations = tuple(numbered(file) for file in read(root, "migrations"))
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"sql/migrations: the numbers are {numbers}, expected 1, 2, 3, ... without gaps")
    return SqlFiles(migrations, (*read(root, "functions"), *read(root, "views")))


def read(root: Traversable, kind: str) -> Iterator[SqlFile]:
    folder = root / kind
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: is pgdurable installed whole?")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".sql"):
            yield SqlFile(f"{kind}/{entry.name}", entry.read_text("utf-8").replace("\r\n", "\n"))


def numbered(file: SqlFile) -> Migration:
    match = NUMBERED.fullmatch(file.name.rpartition("/")[2])
    if match is None:
        raise ValueError(f"sql/{file.name}: expected a name like 0007_what_it_does.sql")
    if unknown := set(MARKER.findall(file.text)) - MARKERS:
        raise ValueError(f"sql/{file.name}: unknown marker {', '.join(sorted(unknown))}")
    return Migration(file.name, file.text, int(match[1]))
