"""The pytest plugin: fixtures for `pgdurable.testing`, and what failed in handlers in the report.

Loaded with every run of pytest where pgdurable is installed. So it is a module of its own, and imports
nothing before a fixture is used.

    pgdurable_harness     harness(services, ...): an engine on a database of its own
    pgdurable_in_memory   in_memory(services, ...): handlers without a database
    pgdurable_dsn         a database with pgdurable's schema, for this test

``--pgdurable-always-replay``, or ``pgdurable_always_replay = true`` in pytest's configuration, replays every
handler at every await; ``@pytest.mark.pgdurable(always_replay=..., disable_retries=...)`` says it for a test.
With ``pgdurable_server`` in the configuration databases are made on that server, a connection string.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pgdurable.testing.databases import Databases
    from pgdurable.testing.failures import Failure

_FAILURES: pytest.StashKey[list[Failure]] = pytest.StashKey()
_RUN = "pgdurable_run"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("pgdurable")
    group.addoption(
        "--pgdurable-always-replay",
        action="store_true",
        default=False,
        help="replay handlers at every await, to find what is not deterministic",
    )
    parser.addini("pgdurable_always_replay", "replay handlers at every await", type="bool", default=False)
    parser.addini("pgdurable_server", "PostgreSQL server to make test databases on (default: embedded)")


def pytest_configure(config: pytest.Config) -> None:
    """The processes of one run of pytest-xdist share one server: the name of the run is what they share."""
    config.addinivalue_line(
        "markers",
        "pgdurable(always_replay=False, disable_retries=False): how harnesses of this test run handlers",
    )
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None and _RUN in worker:
        os.environ[_RUN.upper()] = worker[_RUN]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of pytest-xdist: what the main process hands to a worker."""
    node.workerinput[_RUN] = f"{os.getpid()}-xdist"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what went wrong in handlers, unless the test's own error does."""
    report = yield
    if report.failed and _FAILURES in item.stash:
        failures = item.stash[_FAILURES]
        told = str(report.longrepr)
        for failure in failures[:1]:
            if (text := str(failure)) and text.splitlines()[-1] not in told:
                report.sections.append((f"first of {len(failures)} failures in handlers", text))
    return report


def pytest_pycollect_makeitem(name: str, obj: object) -> list[pytest.Item] | None:
    """`pgdurable.test_harness` has Restate's name, and is no test."""
    if name == "test_harness" and str(getattr(obj, "__module__", "")).startswith("pgdurable."):
        return []
    return None


@pytest.fixture
def pgdurable_harness(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`pgdurable.testing.harness`, with what the configuration and the marker say.

    async with pgdurable_harness([greeter]) as env: ...
    """
    from pgdurable.testing import harness

    options: dict[str, Any] = _options(request)
    if server := request.config.getini("pgdurable_server"):
        options["server"] = server
    return partial(harness, failures=_failures(request), **options)


@pytest.fixture
def pgdurable_in_memory(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`pgdurable.testing.in_memory`, with what the configuration and the marker say.

    async with pgdurable_in_memory([greeter]) as env: ...
    """
    from pgdurable.testing import in_memory

    return partial(in_memory, failures=_failures(request), **_options(request))


@pytest.fixture(scope="session")
def pgdurable_databases(pytestconfig: pytest.Config) -> Databases:
    """Makes and drops databases on the server of this run, which is started now."""
    from pgdurable.testing import session

    server: str = pytestconfig.getini("pgdurable_server")
    return session.databases_at(server) if server else session.session.databases()


@pytest.fixture
def pgdurable_dsn(pgdurable_databases: Databases) -> Generator[str]:
    """How to connect to a database with pgdurable's schema in it, for this test alone."""
    name = pgdurable_databases.create()
    yield pgdurable_databases.server.dsn(name)
    pgdurable_databases.drop(name)


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    config = request.config
    marker = request.node.get_closest_marker("pgdurable")
    always = config.getoption("pgdurable_always_replay") or config.getini("pgdurable_always_replay")
    return {"always_replay": always, **({} if marker is None else marker.kwargs)}


def _failures(request: pytest.FixtureRequest) -> list[Failure]:
    item: pytest.Item = request.node
    return item.stash.setdefault(_FAILURES, [])
