"""Finding the services of an app: a file or ``package.module``, with ``:name`` to say which object in it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from pgdurable_sdk.service import Service, VirtualObject, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from pgdurable_sdk.codec import JournalValueCodec, JournalValueCodecProvider

Definition = Service | VirtualObject | Workflow
KINDS: Final = (Service, VirtualObject, Workflow)


class AppLoadError(Exception):
    """An app cannot be served; the text is one line that says where and why."""


class App:
    """Services that are deployed together, as ``pgdurable.app`` makes it."""

    module: ModuleType | None = None
    """The module it was loaded from, if it was."""

    def __init__(
        self,
        services: Iterable[object],
        journal_value_codec: JournalValueCodec | JournalValueCodecProvider | None = None,
    ) -> None:
        self.services: list[Definition] = []
        self.journal_value_codec = journal_value_codec
        for service in services:
            if not isinstance(service, KINDS):
                raise TypeError(f"{service!r} is not a Service, VirtualObject or Workflow")
            if any(service.name == other.name for other in self.services):
                raise ValueError(f"two services are named {service.name!r}")
            self.services.append(service)

    def __repr__(self) -> str:
        return f"<App {', '.join(service.name for service in self.services)}>"


def app(
    services: Iterable[Definition],
    protocol: Literal["bidi", "request_response"] | None = None,
    identity_keys: list[str] | None = None,
    journal_value_codec: JournalValueCodec | JournalValueCodecProvider | None = None,
) -> App:
    """What `pgdurable dev` and `pgdurable worker` serve: a module-level ``app = pgdurable.app([...])``.

    ``journal_value_codec`` encodes all that is stored for these services, to encrypt or compress it: a
    `JournalValueCodec`, or an ``async`` function that makes one when a process starts. Services that call
    each other need the same.

    ``protocol`` and ``identity_keys`` are taken so that Restate's apps need no change. They say how a server
    reaches handlers over HTTP and how it proves who it is; here handlers run in the worker's own process.
    """
    del protocol, identity_keys
    return App(services, journal_value_codec)


def load_app(reference: str) -> App:
    """The app of a file (``shop/app.py``) or a module (``shop.app``), or one object in it (``shop.app:app``).

    A module without ``app`` serves every service defined at its top level. Raises :exc:`AppLoadError`.
    """
    place, _, name = reference.partition(":")
    module = _import(place)
    app = _app_of(module, place, name)
    app.module = module
    return app


def _app_of(module: ModuleType, place: str, name: str) -> App:
    if name:
        return _as_app(getattr(module, name, None), f"{place} has no app named {name!r}")
    if isinstance(found := getattr(module, "app", None), App):
        return found
    services = [value for value in vars(module).values() if isinstance(value, KINDS)]
    if not services:
        raise AppLoadError(f"{place} defines no services; write app = pgdurable.app([...]) in it")
    return _as_app(list(dict.fromkeys(services)), place)


def _as_app(value: Any, complaint: str) -> App:
    if isinstance(value, App):
        return value
    if isinstance(value, KINDS):
        value = [value]
    if isinstance(value, (list, tuple)) and value:
        try:
            return App(cast(Iterable[object], value))
        except (TypeError, ValueError) as error:
            raise AppLoadError(f"{complaint}: {error}") from error
    raise AppLoadError(complaint)


def _import(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix != ".py":
        return _run(place, lambda: _import_module(place))
    if not path.is_file():
        raise AppLoadError(f"there is no file {place}")
    return _run(place, lambda: _import_file(path.resolve()))


def _import_module(name: str) -> ModuleType:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(name)


def _import_file(path: Path) -> ModuleType:
    """Import a file under the name it has in its package, so that it may import its neighbours."""
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    name = ".".join(parts)
    if name in sys.stdlib_module_names:
        name = f"{name}_app"  # a user's queue.py must not become everybody's queue
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a .py file has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _run(place: str, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except Exception as error:
        said = " ".join(str(error).split())
        raise AppLoadError(
            f"{place} cannot be loaded: {_where(error)}{type(error).__name__}: {said}"
        ) from error


def _where(error: Exception) -> str:
    """The last line of user code on the way to the error."""
    if isinstance(error, SyntaxError):
        return ""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]
    frames = [f for f in frames if Path(f.filename) != Path(__file__)]
    return f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
