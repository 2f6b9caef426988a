"""Deployment ids derived from code: the same for the same files anywhere, another for any change."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pgdurable.deployment import UNVERSIONED, Deployment
from pgdurable.fingerprint import NoSources, derived
from pgdurable.loader import App, load_app
from pgdurable_sdk.service import Service

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

GREETER = """
from pgdurable import Context, Service

greeter = Service("Greeter")


@greeter.handler()
async def greet(ctx: Context, name: str) -> str:
    return "hello"
"""
PACKAGE = {
    "shop/__init__.py": "",
    "shop/greeter.py": GREETER,
    "shop/later.py": "imported = 'only inside a handler'",
    "shop/app.py": "import pgdurable\nfrom shop.greeter import greeter\n\napp = pgdurable.app([greeter])\n",
}


@contextmanager
def forgetting() -> Generator[None]:
    """What is imported inside is imported again the next time."""
    modules, path = dict(sys.modules), list(sys.path)
    try:
        yield
    finally:
        sys.modules.clear()
        sys.modules.update(modules)
        sys.path[:] = path


def fingerprint(folder: Path, files: Mapping[str, str], app: str) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    with forgetting():
        return derived(load_app(str(folder / app))).id


def test_an_id_is_spelled_like_restates(tmp_path: Path) -> None:
    assert re.fullmatch(r"dp_[a-z0-9]{20}", fingerprint(tmp_path, PACKAGE, "shop/app.py"))


def test_the_same_code_has_the_same_id_wherever_it_is(tmp_path: Path) -> None:
    here = fingerprint(tmp_path / "here", PACKAGE, "shop/app.py")
    assert fingerprint(tmp_path / "there" / "and" / "deeper", PACKAGE, "shop/app.py") == here
    windows = {name: text.replace("\n", "\r\n") for name, text in PACKAGE.items()}
    assert fingerprint(tmp_path / "windows", windows, "shop/app.py") == here


@pytest.mark.parametrize("changed", PACKAGE)
def test_any_file_of_the_package_counts(tmp_path: Path, changed: str) -> None:
    before = fingerprint(tmp_path / "before", PACKAGE, "shop/app.py")
    after = PACKAGE | {changed: PACKAGE[changed] + "\n# another word\n"}
    assert fingerprint(tmp_path / "after", after, "shop/app.py") != before


def test_what_else_lies_about_does_not_count(tmp_path: Path) -> None:
    before = fingerprint(tmp_path / "before", PACKAGE, "shop/app.py")
    more = PACKAGE | {"setup.py": "x = 1", "other/__init__.py": "", "shop/readme.txt": "hello"}
    assert fingerprint(tmp_path / "after", more, "shop/app.py") == before


def test_of_a_script_its_imports_from_beside_it_count(tmp_path: Path) -> None:
    files = {"app.py": f"import prices\n{GREETER}", "prices.py": "BREAD = 1", "unused.py": "x = 1"}
    before = fingerprint(tmp_path / "before", files, "app.py")
    assert fingerprint(tmp_path / "same", files | {"unused.py": "x = 2"}, "app.py") == before
    assert fingerprint(tmp_path / "after", files | {"prices.py": "BREAD = 2"}, "app.py") != before


def test_an_installed_app_counts_and_its_neighbours_do_not(tmp_path: Path) -> None:
    packages = {f"site-packages/{name}": text for name, text in PACKAGE.items()}
    packages["site-packages/library/__init__.py"] = "x = 1"
    packages["site-packages/shop/app.py"] = "import library\n" + PACKAGE["shop/app.py"]
    app = "site-packages/shop/app.py"
    before = fingerprint(tmp_path / "before", packages, app)
    library = {"site-packages/library/__init__.py": "x = 2"}
    assert fingerprint(tmp_path / "same", packages | library, app) == before
    own = {"site-packages/shop/later.py": "x = 2"}
    assert fingerprint(tmp_path / "after", packages | own, app) != before


def test_what_a_service_announces_counts_too() -> None:
    def app(name: str) -> App:
        service = Service(name)

        @service.handler()
        async def greet(ctx: object) -> None: ...

        return App([service])

    assert derived(app("One")) != derived(app("Two"))
    assert derived(app("One")) == derived(app("One"))


def test_without_sources_there_is_no_id() -> None:
    with pytest.raises(NoSources):
        derived(App([Service("Empty")]))


@pytest.mark.parametrize("id", ["", "two words", "a@b", "-x", "x" * 101, "naïve"])
def test_what_cannot_be_an_id(id: str) -> None:
    with pytest.raises(ValueError, match="cannot be the id of a deployment"):
        Deployment(id)


@pytest.mark.parametrize("id", ["v1.2.3", "dp_10eXGtvOhL8LKnHyQXUb4FN", "9f3c2ab", "main:2024-05-01+hotfix"])
def test_what_can(id: str) -> None:
    assert Deployment(id).versioned


def test_the_id_of_unversioned_code_is_taken() -> None:
    with pytest.raises(ValueError, match="take another id"):
        Deployment(UNVERSIONED.id)
