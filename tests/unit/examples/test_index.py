"""Every example is listed, says how it is started, and can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdurable.loader import load_app

EXAMPLES = Path(__file__).parents[3] / "examples"
APPS = sorted(path for path in EXAMPLES.glob("*/app.py") if path.parent.name != "tour")


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.parent.name)
def test_an_example_can_be_found_and_started(app: Path) -> None:
    name = app.parent.name

    assert f"]({name}/README.md)" in (EXAMPLES / "README.md").read_text()
    assert f"$ pgdurable dev examples/{name}/app.py\n" in (app.parent / "README.md").read_text()
    assert load_app(str(app)).services


def test_all_of_them_can_be_served_together() -> None:
    """By tools that do: no two services have the same name."""
    names = [service.name for app in APPS for service in load_app(str(app)).services]

    assert len(names) == len(set(names))
    assert len(APPS) == 8
