"""`pgdurable invocations list` and `describe`: what is going on, and what one invocation has been through."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.text import Text

from pgdurable_cli.errors import Failure
from pgdurable_cli.groups import AliasedGroup
from pgdurable_cli.invocation import (
    STATUSES,
    Filters,
    InvocationDetail,
    InvocationRow,
    description,
    list_table,
    plain,
)
from pgdurable_cli.journal import EventRow, JournalRow, entries
from pgdurable_cli.times import now
from pgdurable_cli.view import Shown, View, viewing

if TYPE_CHECKING:
    from pgdurable_cli.database import Database

__all__ = ["invocations", "look_at_invocations"]


@click.group(cls=AliasedGroup)
def invocations() -> None:
    """Invocations: list, look into, cancel, kill, pause, resume, purge."""


@click.command("list")
@click.option("--service", "services", multiple=True, metavar="NAME", help="Only of this service.")
@click.option("--handler", "handlers", multiple=True, metavar="NAME", help="Only of this handler.")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Only of this key.")
@click.option("--scope", "scopes", multiple=True, metavar="NAME", help="Only in this scope.")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(STATUSES), metavar="STATUS",
    help=f"Only in this status: {', '.join(STATUSES)}.",
)  # fmt: skip
@click.option("--deployment", "deployments", multiple=True, metavar="ID", help="Only on this deployment.")
@click.option(
    "--completion-result", type=click.Choice(("success", "failure")), help="Only completed with this result."
)
@click.option("--zombie", is_flag=True, help="Only on a deployment that was removed.")
@click.option("--virtual-objects-only", is_flag=True, help="Only of virtual objects.")
@click.option("--all", "everything", is_flag=True, help="Completed ones as well.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="At most so many.")
@click.option("--oldest-first", is_flag=True, help="From the oldest on, instead of the newest.")
@viewing
def list_invocations(
    view: View,
    services: tuple[str, ...],
    handlers: tuple[str, ...],
    keys: tuple[str, ...],
    scopes: tuple[str, ...],
    statuses: tuple[str, ...],
    deployments: tuple[str, ...],
    completion_result: str | None,
    zombie: bool,
    virtual_objects_only: bool,
    everything: bool,
    limit: int,
    oldest_first: bool,
) -> None:
    """List invocations: those not completed, newest first.

    Options that may be given several times accept any of their values.
    """
    filters = Filters(
        services, handlers, keys, statuses, deployments, completion_result,
        virtual_objects_only=virtual_objects_only, completed_too=everything, zombie=zombie, scopes=scopes,
    )  # fmt: skip
    view.show(lambda database: look_at_invocations(database, filters, limit, oldest_first=oldest_first))


@click.command("describe")
@click.argument("id")
@viewing
def describe_invocation(view: View, id: str) -> None:
    """Show an invocation: its status, attempts and last error, and its journal entry by entry."""
    view.show(lambda database: look_at_invocation(database, id))


invocations.add(list_invocations, "ls")
invocations.add(describe_invocation, "get")


def look_at_invocations(
    database: Database, filters: Filters, limit: int, *, oldest_first: bool = False
) -> Shown:
    from pgdurable_cli.database import Query

    name = "cli_invocations_oldest" if oldest_first else "cli_invocations"
    rows = database.all(Query(name, InvocationRow), *filters.arguments(), limit)
    if not rows:
        return Shown(Text(filters.nothing(), style="dim"), [])
    return Shown(list_table(rows, now(), full=len(rows) == limit), [plain(row) for row in rows])


def look_at_invocation(database: Database, id: str) -> Shown:
    from pgdurable_cli.database import Query

    detail = database.one(Query("cli_invocation", InvocationDetail), id)
    if detail is None:
        raise Failure(f"there is no invocation {id}", "it never was, or its retention is over")
    told = entries(database.all(Query("cli_journal", JournalRow), id))
    events = database.all(Query("cli_events", EventRow), id)
    data = plain(detail) | {
        "journal": [plain(entry) for entry in told],
        "events": [plain(event) | {"detail": json.loads(event.detail)} for event in events],
    }
    return Shown(description(detail, told, events, now()), data)
