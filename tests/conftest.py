"""What every test may ask for. One file per concern, so that a fixture is found where its subject is."""

from __future__ import annotations

import pytest

pytest_plugins = [
    "pgdurable_pytest",
    "pytester",
    "tests.fixtures.nursery",
    "tests.fixtures.postgres",
    "tests.fixtures.pooler",  # which uses it
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: at the end all workers of xdist are done at about the same time, and
    none has a minute's transcript before it. Whole files, for the sake of the fixtures they share.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)
