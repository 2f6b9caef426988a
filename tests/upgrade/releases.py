"""Which code there was before this one, and how its commands are run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCHEMA = ("sql/migrations", "sql/functions", "sql/views")
PROMISE = "pgdurable/store/compatibility.py"
"""Code that does not have this file does not know how to stop."""


class NoRelease(Exception):
    """There is nothing to upgrade from, for this reason."""


@dataclass(frozen=True, slots=True)
class Release:
    """A tree of the project and a Python that has what it needs."""

    name: str
    root: Path
    python: Path

    def command(self, *arguments: str) -> list[str]:
        return [str(self.python), "-m", "pgdurable_cli", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """This tree comes before whichever is installed."""
        parts = (self.root, *(self.root / part for part in ("sdk", "admin", "cli")))
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("PGDURABLE_")}
        return {**theirs, "PYTHONPATH": os.pathsep.join(map(str, parts)), "PYTHONSAFEPATH": "1"}


def this() -> Release:
    """The tree as it stands here, committed or not."""
    return Release("this tree", ROOT, Path(sys.executable))


def before(folder: Path, wanted: str | None) -> Release:
    """The release before, or ``wanted``, unpacked in ``folder``. Raises NoRelease."""
    commit = wanted or base()
    folder.mkdir()
    archive = subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=True)
    if archive.wait() != 0:
        raise NoRelease(f"git has no {commit}")
    name = git("describe", "--always", "--tags", commit)
    return Release(name, folder, python_for(folder))


def base() -> str:
    """The last tag of a release. Before the first: the commit before the last one that changed the schema, or
    that one itself where it edited a migration, as is allowed until then. It has to promise that it stops
    where it does not fit.

    Raises NoRelease, also where the clone is too shallow to tell.
    """
    tags = git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").split()
    if tags:
        return tags[0]
    promised = git("log", "--format=%H", "--diff-filter=A", "--reverse", "--", PROMISE).split()
    if git("rev-parse", "--is-shallow-repository") == "true" or not promised:
        raise NoRelease("there is no tag v* of a release, and this clone is too shallow to look further back")
    changed = git("log", "--format=%H", "-1", f"{promised[0]}..HEAD", "--", *SCHEMA)
    for commit in (f"{changed}^", changed) if changed else promised[:1]:
        if migrates_from(commit):
            return git("rev-parse", commit)
    raise NoRelease("migrations were edited since the last commit, and nothing can be migrated from there")


def migrates_from(commit: str) -> bool:
    """Whether the migrations that the commit has are still here, unchanged."""
    names = git("ls-tree", "--name-only", commit, "sql/migrations/").split()
    return all((ROOT / name).exists() and git("show", f"{commit}:{name}") == text(name) for name in names)


def text(name: str) -> str:
    return (ROOT / name).read_text().strip()


def python_for(root: Path) -> Path:
    """Of this environment where it is locked to the same packages, else of a new one."""
    if digest(root / "uv.lock") == digest(ROOT / "uv.lock"):
        return Path(sys.executable)
    subprocess.run(["make", "--silent", "install"], cwd=root, check=True, stdout=sys.stderr)
    return root / ".venv/bin/python"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoRelease(f"git {arguments[0]}: {done.stderr.strip() or 'failed'}")
    return done.stdout.strip()
