"""`pgdurable sql`: any question at all, in a transaction that can only read."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click
from rich.console import Group
from rich.text import Text

from pgdurable_cli.output import compact, out
from pgdurable_cli.values import as_json, decoded
from pgdurable_cli.view import Shown, View, viewing

if TYPE_CHECKING:
    from pgdurable_cli.database import Database, Table

__all__ = ["sql"]


@click.command("sql")
@click.argument("query")
@click.option("--jsonl", is_flag=True, help="Print one JSON object a line.")
@click.option(
    "--timeout", default=30.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=0.001),
    help="Give up after that.",
)  # fmt: skip
@viewing
def sql(view: View, query: str, jsonl: bool, timeout: float) -> None:
    """Run one SQL QUERY that reads: `select * from sys_invocation`.

    Tables: state, sys_invocation, sys_journal, sys_journal_events, sys_inbox, sys_promise,
    sys_keyed_service_status, sys_service, sys_deployment, and your own.
    """
    view.show(lambda database: look_at(database, query, timeout, jsonl=jsonl))


def look_at(database: Database, query: str, timeout: float, *, jsonl: bool = False) -> Shown:
    result = database.read(query, timeout)
    names = [column.name for column in result.columns]
    data = [dict(zip(names, row, strict=True)) for row in result.rows]
    if jsonl:
        return Shown("\n".join(as_json(row, indent=None) for row in data), data)
    return Shown(picture(result), data)


def picture(result: Table) -> Group:
    table = compact(
        [column.name for column in result.columns],
        ([cell(value) for value in row] for row in result.rows),
        right=[place for place, column in enumerate(result.columns) if column.numeric],
    )
    count = Text(f"{len(result.rows)} row{'s' if len(result.rows) != 1 else ''}", style="dim")
    return Group(table, count) if out().is_terminal else Group(table)


def cell(value: object) -> Text:
    match value:
        case None:
            return Text("null", style="dim")
        case bytes():
            return Text(str(decoded(value)))
        case str():
            return Text(value)
        case bool():
            return Text("true" if value else "false")
        case _ if isinstance(value, (dict, list)):
            return Text(as_json(cast("object", value), indent=None))
        case _:
            return Text(str(value))
