"""`import pgdurable` gives what handlers are written with, all of the SDK's names, `app`, and clients."""

from __future__ import annotations

import subprocess
import sys

import pgdurable
import pgdurable.client
import pgdurable.harness
import pgdurable_sdk


def test_the_facade_has_every_name_of_the_sdk() -> None:
    parts = {*pgdurable_sdk.__all__, *pgdurable.client.__all__, *pgdurable.harness.__all__}
    assert set(pgdurable.__all__) - parts == {"App", "__version__", "app"}
    assert parts <= set(pgdurable.__all__)


def test_every_name_is_the_same_object() -> None:
    for part in (pgdurable_sdk, pgdurable.client, pgdurable.harness):
        for name in part.__all__:
            assert getattr(pgdurable, name) is getattr(part, name)


def test_importing_it_imports_no_driver() -> None:
    program = "import sys, pgdurable; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"asyncpg", "psycopg", "httpx", "litestar"}.isdisjoint(loaded.stdout.split())


def test_a_process_that_serves_no_http_imports_no_web_framework() -> None:
    program = "import sys, pgdurable.node, pgdurable_cli.dev.supervisor; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"litestar", "granian"}.isdisjoint(loaded.stdout.split())


def test_app_is_the_function_whatever_was_imported() -> None:
    import pgdurable.node as node

    assert node is not None
    assert isinstance(pgdurable.app([]), pgdurable.App)
