"""`pgdurable services`: what is registered and what each service offers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime  # noqa: TC003 -- a field of a record that psycopg fills
from typing import TYPE_CHECKING, Any, cast

import click
from rich.console import Group
from rich.text import Text

from pgdurable_cli.errors import Failure
from pgdurable_cli.groups import AliasedGroup
from pgdurable_cli.output import compact, fields, styled_status
from pgdurable_cli.times import now, relative
from pgdurable_cli.view import Shown, View, viewing

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pgdurable_cli.database import Database

__all__ = ["TYPE_NAMES", "services"]

TYPE_NAMES = {"service": "service", "virtual_object": "virtual object", "workflow": "workflow"}


@dataclass(frozen=True, slots=True)
class ServiceRow:
    name: str
    type: str
    revision: int
    public: bool
    deployment_id: str
    handlers: list[str]
    live: int
    """Invocations that are not completed."""
    documentation: str | None
    metadata: str | None
    options: str


@dataclass(frozen=True, slots=True)
class HandlerRow:
    name: str
    type: str
    public: bool
    definition: str


@dataclass(frozen=True, slots=True)
class StatusRow:
    handler: str
    status: str
    count: int
    oldest_at: datetime


@click.group(cls=AliasedGroup)
def services() -> None:
    """Services, virtual objects and workflows."""


@click.command("list")
@viewing
def list_services(view: View) -> None:
    """List the registered services."""
    view.show(look_at_services)


@click.command("describe")
@click.argument("name")
@viewing
def describe_service(view: View, name: str) -> None:
    """Show a service: its handlers, and what their invocations are at."""
    view.show(lambda database: look_at_service(database, name))


services.add(list_services, "ls")
services.add(describe_service, "get", "status")


def look_at_services(database: Database) -> Shown:
    rows = read_services(database)
    if not rows:
        return Shown(
            Text("No services yet: `pgdurable dev APP` or `pgdurable worker APP` registers them."), []
        )
    table = compact(
        ("NAME", "TYPE", "REVISION", "LIVE", "DEPLOYMENT", "HANDLERS"),
        (
            (
                Text(row.name, style="bold") if row.public else Text(f"{row.name} (private)", style="bold"),
                TYPE_NAMES.get(row.type, row.type),
                str(row.revision),
                str(row.live),
                row.deployment_id,
                ", ".join(row.handlers),
            )
            for row in rows
        ),
        right=(2, 3),
    )
    return Shown(table, [asdict(row) for row in rows])


def read_services(database: Database) -> list[ServiceRow]:
    from pgdurable_cli.database import Query

    return database.all(Query("cli_services", ServiceRow))


def find_service(database: Database, name: str) -> ServiceRow:
    """Raises Failure if there is none of this name."""
    services = {row.name: row for row in read_services(database)}
    if name in services:
        return services[name]
    from pgdurable.engine.unknown import meant

    raise Failure(
        f"there is no service {name!r}.{meant(name, list(services))}",
        "`pgdurable services list` shows those there are",
    )


def look_at_service(database: Database, name: str) -> Shown:
    from pgdurable_cli.database import Query

    service = find_service(database, name)
    handlers = database.all(Query("cli_handlers", HandlerRow), name)
    counts = database.all(Query("cli_service_status", StatusRow), name)
    data = asdict(service) | {
        "handlers": [asdict(row) | {"definition": json.loads(row.definition)} for row in handlers],
        "invocations": [asdict(row) for row in counts],
    }
    return Shown(describe(service, handlers, counts), data)


def describe(service: ServiceRow, handlers: list[HandlerRow], counts: list[StatusRow]) -> RenderableType:
    head = fields(
        [
            ("Type", TYPE_NAMES.get(service.type, service.type)),
            ("Revision", str(service.revision)),
            ("Deployment", service.deployment_id),
            ("Callable", "from the ingress and from handlers" if service.public else "from handlers only"),
            ("About", service.documentation),
            ("Metadata", spelt(pairs(service.metadata))),
            ("Options", spelt(pairs(service.options))),
        ]
    )
    title = Text(service.name, style="bold")
    parts: list[RenderableType] = [title, head, "", handler_table(service, handlers)]
    if counts:
        parts += ["", status_table(counts)]
    return Group(*parts)


def handler_table(service: ServiceRow, handlers: list[HandlerRow]) -> RenderableType:
    return compact(
        ("HANDLER", "TYPE", "DESCRIPTION", "OPTIONS"),
        (
            (
                row.name,
                row.type if row.public else f"{row.type}, private",
                documentation(row.definition),
                own_options(service, row.definition) or "",
            )
            for row in handlers
        ),
    )


def documentation(definition: str) -> str:
    """The first line of what its author wrote about a handler."""
    text = pairs(definition).get("documentation")
    return str(text).strip().partition("\n")[0] if text else ""


def own_options(service: ServiceRow, definition: str) -> str | None:
    """What a handler says otherwise than its service."""
    of_service = pairs(service.options) | {"metadata": pairs(service.metadata) or None}
    own: dict[str, Any] = pairs(definition).get("options") or {}
    return spelt({name: value for name, value in own.items() if value != of_service.get(name)})


def pairs(text: str | None) -> dict[str, Any]:
    """Of a JSON object."""
    parsed: object = json.loads(text or "{}")
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}


def spelt(options: dict[str, Any]) -> str | None:
    """Durations are in seconds; None: there are none."""
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in sorted(options.items())) or None


def status_table(counts: list[StatusRow]) -> RenderableType:
    at = now()
    return compact(
        ("HANDLER", "STATUS", "INVOCATIONS", "OLDEST"),
        (
            (row.handler, styled_status(row.status), str(row.count), relative(row.oldest_at, at))
            for row in counts
        ),
        right=(2,),
    )
