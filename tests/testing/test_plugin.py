"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

importlib.import_module("pgdurable.node")  # or each run in this process imports it anew, for a second

GREETER = """
    import os
    import pytest
    from pgdurable import Context, Service
    from pgdurable.testing import harness

    greeter = Service("Greeter")

    @greeter.handler()
    async def greet(ctx: Context, name: str) -> str:
        if name == "nobody":
            raise KeyError("there is nobody to greet")
        return await ctx.run("greeting", lambda: f"Hello {name}")
"""

INI = """
[pytest]
asyncio_mode = {mode}
asyncio_default_fixture_loop_scope = function
addopts = -p no:cacheprovider -p no:faker -p no:hypothesispytest -p no:langsmith_plugin
{more}
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of a user: with a service, and the plugin on its own."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini(INI.format(mode="auto", more=""))
    pytester.makepyfile(shop=GREETER)
    pytester.syspathinsert()
    return pytester


def run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    """In this process: what is imported already need not be imported again."""
    return suite.runpytest_inprocess("-p", "pgdurable_pytest", "-p", "no:xdist", *options)


def run_apart(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return suite.runpytest_subprocess("-p", "pgdurable_pytest", *options)


def test_the_fixture_makes_harnesses(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        from shop import greet, greeter

        async def test_greeting(pgdurable_harness):
            async with pgdurable_harness([greeter]) as env:
                assert await env.client.service_call(greet, "Sarah") == "Hello Sarah"
    """)
    run(suite).assert_outcomes(passed=1)


def test_it_works_with_pytest_asyncio_strict_and_with_anyio(suite: pytest.Pytester) -> None:
    suite.makeini(INI.format(mode="strict", more=""))
    suite.makepyfile("""
        import pytest, pytest_asyncio
        from shop import greet, greeter

        @pytest_asyncio.fixture
        async def env(pgdurable_harness):
            async with pgdurable_harness([greeter]) as env:
                yield env

        @pytest.mark.asyncio
        async def test_strict(env):
            assert await env.client.service_call(greet, "Sarah") == "Hello Sarah"

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_anyio(pgdurable_harness, anyio_backend):
            async with pgdurable_harness([greeter]) as env:
                assert await env.client.service_call(greet, "Bob") == "Hello Bob"
    """)
    run(suite).assert_outcomes(passed=2)


def test_the_report_of_a_failed_test_shows_what_failed_in_handlers(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import pytest
        from shop import greet, greeter

        @pytest.fixture
        async def env(pgdurable_harness):
            async with pgdurable_harness([greeter]) as env:
                yield env

        @pytest.mark.pgdurable(disable_retries=True)
        async def test_in_the_background(env):
            await env.client.service_send(greet, "nobody")
            await env.settle()
            assert False, "not what was hoped for"
    """)
    result = run(suite)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*not what was hoped for*", "*first of 1 failures in handlers*", "*raise KeyError*"],
        consecutive=False,
    )


@pytest.mark.parametrize("how", ["the option", "the configuration", "the marker"])
def test_always_replay(suite: pytest.Pytester, how: str) -> None:
    mark = "@pytest.mark.pgdurable(always_replay=True)" if how == "the marker" else ""
    if how == "the configuration":
        suite.makeini(INI.format(mode="auto", more="pgdurable_always_replay = true"))
    suite.makepyfile(f"""
        import pytest
        from pgdurable import Context, Service

        service = Service("Service")
        runs = []

        @service.handler()
        async def handler(ctx: Context) -> None:
            runs.append(1)
            await ctx.run("one", int)
            await ctx.run("two", int)

        {mark}
        async def test_replays(pgdurable_harness):
            async with pgdurable_harness([service]) as env:
                await env.client.service_call(handler, None)
            assert len(runs) == 3
    """)
    options = ["--pgdurable-always-replay"] if how == "the option" else []
    run(suite, *options).assert_outcomes(passed=1)


def test_workers_of_xdist_share_one_server(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import pytest
        from pathlib import Path

        @pytest.mark.parametrize("number", range(6))
        def test_database(pgdurable_dsn, worker_id, number):
            server, name = pgdurable_dsn.rsplit("/", 1)
            Path(f"{worker_id}-{number}").write_text(f"{server} {name}")
    """)
    run_apart(suite, "-n", "2").assert_outcomes(passed=6)
    written = [path.read_text().split() for path in suite.path.glob("gw*-*")]
    assert len({server for server, _ in written}) == 1
    assert len({name for _, name in written}) == 6


def test_a_suite_that_does_not_use_it_imports_nothing_of_ours(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import sys

        def test_nothing():
            assert not {name for name in sys.modules if name.split(".")[0] in ("pgdurable", "pgdurable_sdk")}
    """)
    run_apart(suite).assert_outcomes(passed=1)


def test_no_server_stays_when_pytest_is_killed(suite: pytest.Pytester, until: Callable[..., None]) -> None:
    suite.makepyfile("""
        import os, pathlib, time
        from shop import greet, greeter
        from pgdurable.testing import session

        async def test_it(pgdurable_harness):
            async with pgdurable_harness([greeter]) as env:
                assert await env.client.service_call(greet, "Sarah") == "Hello Sarah"
                folder = session.session.folder.path
                (pid_file,) = folder.glob("server*/postmaster.pid")
                pathlib.Path("half").write_text(f"{folder} {pid_file.read_text().split()[0]}")
                os.rename("half", "folder")
                time.sleep(600)
    """)
    told = suite.path / "folder"
    environment = {name: value for name, value in os.environ.items() if name != "PGDURABLE_RUN"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "pgdurable_pytest", "-q"],
        cwd=suite.path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(told.exists)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    folder, pid = told.read_text().split()
    until(lambda: not Path(folder).exists() and not alive(int(pid)))


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits for another process, of which there is no other word."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.01)

    return wait


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except (FileNotFoundError, ProcessLookupError):
        return False
