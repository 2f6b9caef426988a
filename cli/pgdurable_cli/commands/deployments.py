"""`pgdurable deployments`: which versions of the code are registered, and which are still needed."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click
from rich.text import Text

from pgdurable_cli.deployment import (
    DeploymentRow,
    InvocationCountRow,
    ServiceRow,
    WorkerRow,
    description,
    list_table,
)
from pgdurable_cli.errors import Failure
from pgdurable_cli.groups import AliasedGroup
from pgdurable_cli.options import dsn_option, yes_option
from pgdurable_cli.output import say
from pgdurable_cli.times import now
from pgdurable_cli.view import Shown, View, viewing

if TYPE_CHECKING:
    from pgdurable_cli.database import Database

__all__ = ["deployments"]

MOVE = "`pgdurable invocations resume ID --deployment latest` moves one"


@dataclass(frozen=True, slots=True)
class Answer:
    answer: str


@click.group(cls=AliasedGroup)
def deployments() -> None:
    """Registered versions of the code that runs services."""


@deployments.command("list")
@viewing
def list_deployments(view: View) -> None:
    """List the deployments.

    Active: the latest of a service, which gets what begins. Draining: a later one has its services, but what
    began on it has not completed. Drained: not needed any more.
    """
    view.show(look_at_deployments)


@deployments.command("describe")
@click.argument("id")
@viewing
def describe_deployment(view: View, id: str) -> None:
    """Show a deployment: its services, its workers, and the invocations that need it."""
    view.show(lambda database: look_at_deployment(database, id))


@deployments.command("remove")
@click.argument("id")
@click.option("--force", is_flag=True, help="Even if it is not drained, or workers of it run.")
@yes_option
@dsn_option
def remove(id: str, force: bool, yes: bool, dsn: str | None) -> None:
    """Forget a drained deployment.

    With --force, invocations that began on it stay, and wait until they are resumed on another deployment.
    """
    from pgdurable_cli.database import Query, connected

    with connected(dsn) as database:
        row = found(database, id)
        if force and not yes and row.status != "drained":
            ask(row)
        answer = database.one(Query("cli_remove_deployment", Answer), id, force)
        assert answer is not None, "a function that returns a value returns one row"
        if answer.answer != "done":
            raise refusal(answer.answer, found(database, id))
    say(f"{id}: removed")


@deployments.command("promote")
@click.argument("id")
@dsn_option
def promote(id: str, dsn: str | None) -> None:
    """Make a deployment the latest of its services again: to roll back, for example.

    What begins from now on runs on it. What began on another stays there.
    """
    from pgdurable_cli.database import Query, connected

    with connected(dsn) as database:
        row = found(database, id)
        database.one(Query("cli_promote_deployment", Answer), id)
    say(f"{id}: is the latest of {', '.join(row.services)}")
    if not row.workers:
        say(Text("no worker of it runs: what begins waits for one", style="yellow"))


deployments.add(list_deployments, "ls")
deployments.add(describe_deployment, "get")
deployments.add(remove, "rm")


def found(database: Database, id: str) -> DeploymentRow:
    from pgdurable_cli.database import Query

    row = database.one(Query("cli_deployments", DeploymentRow), id)
    if row is None:
        raise Failure(f"there is no deployment {id}", "`pgdurable deployments list` shows all")
    return row


def ask(row: DeploymentRow) -> None:
    """Say what will be lost. Without somebody to answer, nothing is done."""
    if not sys.stdin.isatty():
        raise Failure(f"not going to remove {row.id}, which is {row.status}, unasked", "--yes says so")
    left = f" {row.active_invocations} invocations of it will wait." if row.active_invocations else ""
    click.confirm(f"{row.id} is {row.status}.{left} Remove it?", abort=True)


def refusal(answer: str, row: DeploymentRow) -> Failure:
    match answer:
        case "active":
            return Failure(
                f"{row.id} is the latest deployment of {', '.join(row.latest_services)}",
                "with --force the one before it is the latest again",
            )
        case "draining":
            return Failure(
                f"invocations that began on {row.id} have not completed: {row.active_invocations}",
                f"wait for them; {MOVE}; --force leaves them waiting",
            )
        case "has_workers":
            return Failure(
                f"workers of {row.id} run: {row.workers}",
                "stop them first, for they would register it again when they are restarted",
            )
        case _:
            return Failure(f"there is no deployment {row.id}")


def look_at_deployments(database: Database) -> Shown:
    from pgdurable_cli.database import Query

    rows = database.all(Query("cli_deployments", DeploymentRow), None)
    if not rows:
        return Shown(
            Text("No deployments yet: `pgdurable dev APP` or `pgdurable worker APP` registers one."), []
        )
    return Shown(list_table(rows, now()), [asdict(row) for row in rows])


def look_at_deployment(database: Database, id: str) -> Shown:
    from pgdurable_cli.database import Query

    row = found(database, id)
    services = database.all(Query("cli_deployment_services", ServiceRow), id)
    workers = database.all(Query("cli_workers", WorkerRow), id)
    counts = database.all(Query("cli_deployment_invocations", InvocationCountRow), id)
    data = asdict(row) | {
        "services": [asdict(service) for service in services],
        "live_workers": [asdict(worker) for worker in workers],
        "invocations": [asdict(count) for count in counts],
    }
    return Shown(description(row, services, workers, counts, now()), data)
