"""`pgdurable version` and `pgdurable status`: what this is, and how it is doing."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Group
from rich.text import Text

from pgdurable.__about__ import __version__
from pgdurable_cli.deployment import WorkerRow, waiting_line, worker_table
from pgdurable_cli.output import compact, fields, print_json, say, styled_status
from pgdurable_cli.view import Shown, View, viewing

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pgdurable_cli.database import Database

__all__ = ["status", "version"]


@dataclass(frozen=True, slots=True)
class ServerRow:
    server: str
    database: str
    role: str
    schema_version: int
    release: str


@dataclass(frozen=True, slots=True)
class WaitingRow:
    deployment_id: str
    """None of its workers lives."""
    count: int
    """Invocations that are ready and have to go on there."""


@dataclass(frozen=True, slots=True)
class CountRow:
    status: str
    count: int


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def version(as_json: bool) -> None:
    """Show the version."""
    if as_json:
        print_json({"version": __version__, "python": platform.python_version()})
    else:
        say(f"pgdurable {__version__} (Python {platform.python_version()})")


@click.command()
@viewing
def status(view: View) -> None:
    """Show the database, the processes on it and what there is to do."""
    view.show(look_at_status)


def look_at_status(database: Database) -> Shown:
    from pgdurable_cli.database import Query

    server = database.one(Query("cli_server", ServerRow))
    assert server is not None, "a select without a table gives one row"
    workers = database.all(Query("cli_workers", WorkerRow), None)
    waiting = database.all(Query("cli_waiting", WaitingRow))
    counts = database.all(Query("cli_counts", CountRow))
    data = {
        "version": __version__,
        "server": asdict(server),
        "workers": [asdict(worker) for worker in workers],
        "invocations": {row.status: row.count for row in counts},
        "waiting_for_workers": {row.deployment_id: row.count for row in waiting},
    }
    return Shown(picture(server, workers, counts, waiting), data)


def picture(
    server: ServerRow, workers: list[WorkerRow], counts: list[CountRow], waiting: list[WaitingRow]
) -> RenderableType:
    head = fields(
        [
            ("pgdurable", __version__),
            ("PostgreSQL", f"{server.server}, database {server.database} as {server.role}"),
            ("Schema", f"{server.schema_version}, of pgdurable {server.release}"),
        ],
        indent=0,
    )
    missing = [waiting_line(row.deployment_id, row.count) for row in waiting]
    return Group(head, "", workers_or_hint(workers), "", count_table(counts), *missing)


def workers_or_hint(workers: list[WorkerRow]) -> RenderableType:
    if workers:
        return worker_table(workers)
    return Text("No process is running: start `pgdurable dev APP` or `pgdurable worker APP`.", style="yellow")


def count_table(counts: list[CountRow]) -> RenderableType:
    if not counts:
        return Text("No invocations yet.", style="dim")
    return compact(
        ("STATUS", "INVOCATIONS"), ((styled_status(row.status), str(row.count)) for row in counts), right=(1,)
    )
