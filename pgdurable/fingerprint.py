"""A deployment id derived from the code: the same files give the same id on every machine, others another.

It is a hash over what the services announce and over source files: of every module or package that defines a
handler or the app, and of what else was loaded from beside them. Of a package all Python files count, loaded
or not. Installed packages do not count, unless the app itself is one.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pgdurable.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from pgdurable.loader import App

LETTERS: Final = 20
INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
STANDARD: Final = frozenset({Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})


class NoSources(Exception):
    """There are no source files to derive an id from."""


def derived(app: App) -> Deployment:
    """The deployment of this very code. Raises :exc:`NoSources`."""
    manifests = sorted((service.manifest() for service in app.services), key=lambda manifest: manifest.name)
    digest = hashlib.sha256(msgspec.json.encode(manifests))
    files = sorted(_files(app))
    if not files:
        raise NoSources("the app has no source files")
    for name, path in files:
        source = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"\0{name}\0{len(source)}\0".encode())
        digest.update(source)
    return Deployment(f"dp_{base64.b32encode(digest.digest()).decode().lower()[:LETTERS]}")


def _files(app: App) -> Iterator[tuple[str, Path]]:
    """The files that count, each with its path below the directory it is imported from."""
    places = {place for module in _defining(app) if (place := _place(module))}
    beside = {home for home, _ in places if not INSTALLED & set(home.parts) and home not in STANDARD}
    prefixes = tuple(f"{home}{os.sep}" for home in beside)
    for module in list(sys.modules.values()):
        if str(getattr(module, "__file__", None)).startswith(prefixes):
            place = _place(module)
            if place is not None and place[0] in beside:
                places.add(place)
    for home, unit in places:
        for path in unit.rglob("*.py") if unit.is_dir() else (unit,):
            yield path.relative_to(home).as_posix(), path


def _defining(app: App) -> Iterable[ModuleType]:
    handlers = [handler for service in app.services for handler in service.handlers.values()]
    names = {handler.function.__module__ for handler in handlers}
    modules = [sys.modules[name] for name in names if name in sys.modules]
    return modules if app.module is None else [*modules, app.module]


def _place(module: ModuleType) -> tuple[Path, Path] | None:
    """The directory that a module is imported from, and what of it: a file, or the directory of a package."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return None
    path, parts = Path(file).absolute(), module.__name__.split(".")
    depth = len(parts) if path.name == "__init__.py" else len(parts) - 1
    if depth >= len(path.parents):
        return None
    home = path.parents[depth]
    return home, home / path.relative_to(home).parts[0]
