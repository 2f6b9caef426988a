"""Deployments and their workers as tables. Pure: records in, tables out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 -- a field of a record that psycopg fills
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from pgdurable_cli.output import compact, fields, styled_status
from pgdurable_cli.times import absolute, now, relative

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

__all__ = [
    "DeploymentRow",
    "InvocationCountRow",
    "ServiceRow",
    "WorkerRow",
    "description",
    "list_table",
    "waiting_line",
    "worker_table",
]

STYLES = {"active": "green", "draining": "yellow", "drained": "dim"}


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    id: str
    status: str
    versioned: bool
    endpoint: str
    created_at: datetime
    services: list[str]
    latest_services: list[str]
    """Those of which it gets what begins."""
    active_invocations: int
    """Not completed, and begun on it."""
    waiting_invocations: int
    """They could run if a worker of it lived."""
    workers: int


@dataclass(frozen=True, slots=True)
class ServiceRow:
    name: str
    type: str
    revision: int
    latest: bool


@dataclass(frozen=True, slots=True)
class InvocationCountRow:
    service: str
    handler: str
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class WorkerRow:
    name: str
    services: list[str]
    deployment_id: str | None
    started_at: datetime
    heartbeat_at: datetime
    running: int


def list_table(rows: Sequence[DeploymentRow], at: datetime) -> RenderableType:
    table = compact(
        ("ID", "STATUS", "INVOCATIONS", "WORKERS", "CREATED", "SERVICES"),
        (
            (
                row.id,
                status_text(row),
                str(row.active_invocations),
                str(row.workers),
                relative(row.created_at, at),
                ", ".join(row.services),
            )
            for row in rows
        ),
        right=(2, 3),
    )
    waiting = [waiting_line(row.id, row.waiting_invocations) for row in rows if row.waiting_invocations]
    return Group(table, "", *waiting) if waiting else table


def status_text(row: DeploymentRow) -> Text:
    return Text(row.status, style=STYLES[row.status])


def waiting_line(deployment: str, count: int) -> Text:
    wait = "1 invocation waits" if count == 1 else f"{count} invocations wait"
    return Text(f"{wait} for a worker of deployment {deployment}, and none runs", style="red")


def description(
    row: DeploymentRow,
    services: Sequence[ServiceRow],
    workers: Sequence[WorkerRow],
    invocations: Sequence[InvocationCountRow],
    at: datetime,
) -> RenderableType:
    parts: list[RenderableType] = [Text(row.id, style="bold"), fields(head(row, at)), ""]
    parts.append(service_table(services))
    if workers:
        parts += ["", worker_table(workers)]
    if invocations:
        parts += ["", invocation_table(invocations)]
    if row.waiting_invocations:
        parts += ["", waiting_line(row.id, row.waiting_invocations)]
    return Group(*parts)


def head(row: DeploymentRow, at: datetime) -> list[tuple[str, RenderableType | None]]:
    return [
        ("Status", status_text(row)),
        ("Versions", None if row.versioned else "none: what it begins goes on with the latest deployment"),
        ("Registered", f"{absolute(row.created_at)} ({relative(row.created_at, at)})"),
        ("Last by", row.endpoint),
        ("Invocations", str(row.active_invocations)),
    ]


def service_table(services: Sequence[ServiceRow]) -> RenderableType:
    return compact(
        ("SERVICE", "TYPE", "REVISION", "LATEST"),
        (
            (row.name, row.type.replace("_", " "), str(row.revision), "yes" if row.latest else "no")
            for row in services
        ),
        right=(2,),
    )


def invocation_table(counts: Sequence[InvocationCountRow]) -> RenderableType:
    return compact(
        ("HANDLER", "STATUS", "INVOCATIONS"),
        ((f"{row.service}/{row.handler}", styled_status(row.status), str(row.count)) for row in counts),
        right=(2,),
    )


def worker_table(workers: Sequence[WorkerRow]) -> RenderableType:
    at = now()
    return compact(
        ("PROCESS", "DEPLOYMENT", "UP SINCE", "HEARD", "RUNNING", "SERVICES"),
        (
            (
                worker.name,
                worker.deployment_id or "",
                relative(worker.started_at, at),
                relative(worker.heartbeat_at, at),
                str(worker.running),
                ", ".join(worker.services),
            )
            for worker in workers
        ),
        right=(4,),
    )
