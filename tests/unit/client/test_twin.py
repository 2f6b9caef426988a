"""The blocking client is the async one without its `await`."""

from __future__ import annotations

import inspect

import pytest

from pgdurable import Client, SyncClient
from tests.client import twin


@pytest.mark.parametrize("path", twin.TWINS.values())
def test_it_is_what_the_program_makes(path: str) -> None:
    made = twin.render_all()[twin.FOLDER / path]
    assert (twin.FOLDER / path).read_text() == made, "`make twin` makes it again"


def test_it_has_the_same_methods_and_none_of_them_is_async() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(SyncClient) == methods(Client)
    assert not any(inspect.iscoroutinefunction(method) for method in vars(SyncClient).values())
