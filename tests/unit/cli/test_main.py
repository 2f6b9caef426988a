"""The command line itself: groups, aliases, usage errors."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pgdurable.__about__ import __version__
from pgdurable_cli.main import main

TOUR = str(Path(__file__).parents[3] / "examples" / "tour" / "app.py")


def run(*arguments: str, **env: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments, env={"PGDURABLE_DSN": "", **env})
    return result.exit_code, result.output


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    code, output = run(*path, "--help")
    assert code == 0
    assert "Usage: " in output
    assert "None" not in output


def test_version() -> None:
    assert run("--version") == (0, f"pgdurable {__version__}\n")
    assert json.loads(run("version", "--json")[1])["version"] == __version__


@pytest.mark.parametrize(
    ("alias", "usage"),
    [
        (("svc", "ls"), "services list"),
        (("inv", "get"), "invocations describe ID"),
        (("inv", "rm"), "invocations purge QUERY..."),
        (("dp", "ls"), "deployments list"),
        (("kv", "get"), "state get SERVICE [KEY]"),
        (("up",), "dev APP"),
    ],
)
def test_aliases(alias: tuple[str, ...], usage: str) -> None:
    output = run(*alias, "--help")[1]
    shown = output.partition("\n")[0].replace(" [OPTIONS]", "")
    assert shown == f"Usage: main {usage}"


def test_aliases_are_listed() -> None:
    assert "invocations (inv, invocation)" in run("--help")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("kill", "inv_1"), "No such command 'kill'. Did you mean 'invocations kill'?"),
        (("get",), "Did you mean 'services get' or 'invocations get' or"),
        (("inv", "ls", "--status", "asleep"), "'asleep' is not one of 'scheduled'"),
        (("inv", "cancel"), "Missing argument 'QUERY...'"),
        (("inv", "cancel", "/add"), "neither an invocation id nor Service[/key][/handler]"),
        (("worker", "app.py"), "Missing option '--dsn'"),
        (("worker", TOUR, "--dsn", "x", "--deployment", "a b"), "'a b' cannot be the id of a deployment"),
        (("worker", TOUR, "--dsn", "x", "--deployment", "a", "--unversioned"), "exclude each other"),
        (("dev", "app.py", "--port", "0"), "0 is not in the range 1<=x<=65535"),
        (("dev", "app.py", "--data", "x", "--dsn", "y"), "--data is for the embedded PostgreSQL"),
    ],
)
def test_usage_errors_exit_with_2(arguments: tuple[str, ...], message: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert message in output
    assert "Traceback" not in output
