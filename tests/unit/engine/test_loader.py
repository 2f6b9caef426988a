"""An app is found where it is said to be; what is wrong with it is one line that says where."""

from __future__ import annotations

import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from pgdurable.loader import App, AppLoadError, app, load_app
from pgdurable_sdk.service import Service, VirtualObject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOP = """
    from pgdurable import Service
    shop = Service("Shop")
    other = Service("Other")
"""


@pytest.fixture(autouse=True)
def modules_of_its_own() -> Iterator[None]:
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.path[:] = path


def write(folder: Path, name: str, text: str) -> str:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text))
    return str(file)


def names(app: App) -> list[str]:
    return [service.name for service in app.services]


def complaint(reference: str) -> str:
    with pytest.raises(AppLoadError) as caught:
        load_app(reference)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_file_without_app_serves_all_its_services(tmp_path: Path) -> None:
    assert names(load_app(write(tmp_path, "shop1.py", SHOP))) == ["Shop", "Other"]


def test_a_service_under_two_names_is_one(tmp_path: Path) -> None:
    assert names(load_app(write(tmp_path, "shop2.py", SHOP + "    again = shop\n"))) == ["Shop", "Other"]


def test_app_says_what_is_served(tmp_path: Path) -> None:
    text = SHOP + "    import pgdurable\n    app = pgdurable.app([other])\n"
    file = write(tmp_path, "shop3.py", text)
    assert names(load_app(file)) == ["Other"]
    assert names(load_app(f"{file}:app")) == ["Other"]


def test_one_object_of_a_file(tmp_path: Path) -> None:
    file = write(tmp_path, "shop4.py", SHOP + "    both = [shop, other]\n    nothing = 3\n")
    assert names(load_app(f"{file}:other")) == ["Other"]
    assert names(load_app(f"{file}:both")) == ["Shop", "Other"]
    assert "has no app named 'nothing'" in complaint(f"{file}:nothing")
    assert "has no app named 'missing'" in complaint(f"{file}:missing")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no file" in complaint(str(tmp_path / "none.py"))


def test_a_module_that_is_not_there() -> None:
    assert "No module named 'no_such_module_anywhere'" in complaint("no_such_module_anywhere")


def test_a_file_without_services(tmp_path: Path) -> None:
    assert "defines no services" in complaint(write(tmp_path, "empty1.py", "x = 1\n"))


def test_a_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "broken1.py", "x = 1\n\nraise ValueError('what')\n")
    assert f"{file}:3: ValueError: what" in complaint(file)


def test_a_file_that_is_not_python(tmp_path: Path) -> None:
    text = complaint(write(tmp_path, "broken2.py", "def\n"))
    assert "SyntaxError" in text
    assert "line 1" in text


def test_an_error_in_what_it_imports_is_told_where_it_is(tmp_path: Path) -> None:
    neighbour = write(tmp_path, "neighbour1.py", "import no_such_module_anywhere\n")
    text = complaint(write(tmp_path, "app1.py", "import neighbour1\n"))
    assert f"{neighbour}:1: ModuleNotFoundError" in text


def test_a_broken_file_can_be_loaded_once_it_is_mended(tmp_path: Path) -> None:
    file = write(tmp_path, "mended.py", "raise ValueError\n")
    complaint(file)
    write(tmp_path, "mended.py", SHOP)
    assert names(load_app(file)) == ["Shop", "Other"]


def test_an_error_of_many_lines_is_told_in_one(tmp_path: Path) -> None:
    path = write(tmp_path, "broken.py", "raise ValueError('one\\ntwo\\n  three')")
    with pytest.raises(AppLoadError, match=r"ValueError: one two three$") as error:
        load_app(path)
    assert "\n" not in str(error.value)


def test_a_file_may_have_the_name_of_a_standard_module(tmp_path: Path) -> None:
    import queue

    assert load_app(write(tmp_path, "queue.py", SHOP)).services
    assert sys.modules["queue"] is queue


def test_a_file_in_a_package_may_import_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, "store1/__init__.py", "")
    write(tmp_path, "store1/sales/__init__.py", "")
    write(tmp_path, "store1/services.py", SHOP)
    file = write(tmp_path, "store1/sales/app.py", "from ..services import shop\n")
    assert names(load_app(file)) == ["Shop"]
    assert "store1.sales.app" in sys.modules


def test_a_file_beside_others_may_import_them(tmp_path: Path) -> None:
    write(tmp_path, "services2.py", SHOP)
    assert names(load_app(write(tmp_path, "app2.py", "from services2 import other\n"))) == ["Other"]


def test_a_module_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "shop5/__init__.py", "")
    write(tmp_path, "shop5/app.py", SHOP)
    assert names(load_app("shop5.app")) == ["Shop", "Other"]
    assert names(load_app("shop5.app:shop")) == ["Shop"]


def test_two_services_of_a_name(tmp_path: Path) -> None:
    text = 'from pgdurable import Service, VirtualObject\na = Service("Shop")\nb = VirtualObject("Shop")\n'
    assert "two services are named 'Shop'" in complaint(write(tmp_path, "twice.py", text))


def test_an_app_is_of_services() -> None:
    shop, cart = Service("Shop"), VirtualObject("Cart")
    assert repr(app([shop, cart])) == "<App Shop, Cart>"
    with pytest.raises(ValueError, match="two services are named 'Shop'"):
        app([shop, Service("Shop")])
    with pytest.raises(TypeError, match="is not a Service"):
        app([shop, "Cart"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
