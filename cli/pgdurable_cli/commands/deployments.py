"""`pgdurable deployments`: which versions of the code are registered, and which are still needed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime  # noqa: TC003 -- a field of a record that psycopg fills
from typing import TYPE_CHECKING

import click
from rich.text import Text

from pgdurable_cli.groups import AliasedGroup
from pgdurable_cli.output import compact
from pgdurable_cli.times import now, relative
from pgdurable_cli.view import Shown, View, viewing

if TYPE_CHECKING:
    from pgdurable_cli.database import Database

__all__ = ["deployments"]


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    id: str
    type: str
    endpoint: str
    created_at: datetime
    services: list[str]
    """Those whose latest revision it serves."""
    pinned: int
    """Invocations that are not completed and have begun on it."""

    @property
    def status(self) -> str:
        if self.services:
            return "active"
        return "draining" if self.pinned else "drained"


STYLES = {"active": "green", "draining": "yellow", "drained": "dim"}


@click.group(cls=AliasedGroup)
def deployments() -> None:
    """Registered versions of the code that runs services."""


@click.command("list")
@viewing
def list_deployments(view: View) -> None:
    """List the deployments.

    One is draining while invocations that began on it are not completed, although a newer one serves its
    services.
    """
    view.show(look_at_deployments)


deployments.add(list_deployments, "ls")


def look_at_deployments(database: Database) -> Shown:
    from pgdurable_cli.database import Query

    rows = database.all(Query("cli_deployments", DeploymentRow))
    if not rows:
        return Shown(
            Text("No deployments yet: `pgdurable dev APP` or `pgdurable worker APP` registers one."), []
        )
    at = now()
    table = compact(
        ("ID", "STATUS", "ENDPOINT", "PINNED", "CREATED", "SERVICES"),
        (
            (
                row.id,
                Text(row.status, style=STYLES[row.status]),
                row.endpoint,
                str(row.pinned),
                relative(row.created_at, at),
                ", ".join(row.services),
            )
            for row in rows
        ),
        right=(3,),
    )
    return Shown(table, [asdict(row) | {"status": row.status} for row in rows])
