"""`import pgdurable` gives what handlers are written with: all of the SDK's names, and `app`."""

from __future__ import annotations

import pgdurable
import pgdurable_sdk


def test_the_facade_has_every_name_of_the_sdk() -> None:
    assert set(pgdurable.__all__) - set(pgdurable_sdk.__all__) == {"App", "__version__", "app"}
    assert set(pgdurable_sdk.__all__) <= set(pgdurable.__all__)


def test_every_name_is_the_same_object() -> None:
    for name in pgdurable_sdk.__all__:
        assert getattr(pgdurable, name) is getattr(pgdurable_sdk, name)


def test_app_is_the_function_whatever_was_imported() -> None:
    import pgdurable.node as node

    assert node is not None
    assert isinstance(pgdurable.app([]), pgdurable.App)
