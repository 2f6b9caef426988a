"""The commands in this process, on a database that a story has filled."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from pgdurable_cli.main import main
from tests.sql.story import Story

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = {
    "Greeter": ("service", {"greet": "service"}),
    "Counter": ("virtual_object", {"add": "exclusive", "get": "shared"}),
    "Signup": ("workflow", {"run": "workflow", "verify": "shared"}),
}


@dataclass(frozen=True, slots=True)
class Cli:
    """`pgdurable` with PGDURABLE_DSN set."""

    dsn: str

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        # Arguments as they come: what is wrong is seen in the result, not raised.
        return CliRunner().invoke(main, arguments, env={"PGDURABLE_DSN": self.dsn, "CI": ""}, input=typed)

    def says(self, *arguments: str) -> str:
        """The output of a command that succeeds."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refuses(self, *arguments: str) -> str:
        """The one line of one that does not."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.output
        return result.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self.says(*arguments, "--json"))


@pytest.fixture
def cli(dsn: str) -> Cli:
    return Cli(dsn)


@pytest.fixture
def story(dsn: str) -> Iterator[Story]:
    """Every statement is committed at once, so the clock is the real one."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        story = Story(connection, "dp_one")
        register(story, "dp_one")
        yield story


def register(story: Story, deployment: str) -> None:
    services = [
        {
            "name": name,
            "type": type,
            "public": True,
            "handlers": [
                {
                    "name": handler,
                    "handler_type": handler_type,
                    "public": True,
                    "documentation": f"Does {handler}.\n\nAt length.",
                }
                for handler, handler_type in handlers.items()
            ],
        }
        for name, (type, handlers) in HANDLERS.items()
    ]
    story.connection.execute(
        "select pgdurable_engine.register(%s, true, 'app.py', '{}', %s::jsonb)",
        [deployment, json.dumps(services)],
    )


def text_id(story: Story, submission: dict[str, Any]) -> str:
    id: str = story.value("select pgdurable.invocation_id(%s)", [submission["id"]])
    return id


@pytest.fixture
def ports() -> dict[str, int]:
    """Free ones: held until all are known, so that they differ."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        numbers: list[int] = [server.getsockname()[1] for server in servers]
    return dict(zip(("port", "admin_port", "pg_port"), numbers, strict=True))
