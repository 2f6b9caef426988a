"""An invocation as rows of a list and as a page of its own. Pure: records in, tables out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta  # noqa: TC003 -- fields of records that psycopg fills
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from pgdurable_cli.output import fields, styled_status
from pgdurable_cli.story import lines, raised_at, rendered
from pgdurable_cli.targets import in_scope
from pgdurable_cli.times import absolute, coming, duration, relative
from pgdurable_cli.values import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pgdurable_cli.journal import Entry, EventRow

__all__ = ["STATUSES", "Filters", "InvocationDetail", "InvocationRow", "description", "list_table", "plain"]

STATUSES = ("scheduled", "pending", "ready", "running", "backing-off", "suspended", "paused", "completed")

ID_WIDTH, STATUS_WIDTH, CREATED_WIDTH = 40, 13, 10
NOTE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class InvocationRow:
    id: str
    target: str
    scope: str | None
    status: str
    created_at: datetime
    retry_count: int | None
    last_failure: str | None
    next_retry_at: datetime | None
    scheduled_start_at: datetime | None
    completion_result: str | None
    completion_failure: str | None
    waits_for_deployment: str | None
    """Ready, and no worker of this deployment lives."""


@dataclass(frozen=True, slots=True)
class InvocationDetail:
    id: str
    target: str
    target_service_ty: str
    scope: str | None
    limit_key: str | None
    status: str
    completion_result: str | None
    completion_failure: str | None
    idempotency_key: str | None
    invoked_by: str
    invoked_by_id: str | None
    invoked_by_target: str | None
    restarted_from: str | None
    pinned_deployment_id: str | None
    deployment_removed: bool | None
    waits_for_deployment: str | None
    trace_id: str | None
    created_at: datetime
    modified_at: datetime
    inboxed_at: datetime | None
    scheduled_start_at: datetime | None
    running_at: datetime | None
    completed_at: datetime | None
    completion_retention: timedelta | None
    journal_retention: timedelta | None
    retry_count: int | None
    last_start_at: datetime | None
    next_retry_at: datetime | None
    last_failure: str | None
    last_failure_related_command_index: int | None
    last_failure_related_command_name: str | None
    last_failure_related_command_type: str | None
    key_holder_id: str | None
    """Who runs while this one waits for its key."""
    waits_behind: int | None
    """How many are before it in the inbox."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which invocations to list. Empty: no matter."""

    services: Sequence[str] = ()
    handlers: Sequence[str] = ()
    keys: Sequence[str] = ()
    statuses: Sequence[str] = ()
    deployments: Sequence[str] = ()
    completion_result: str | None = None
    virtual_objects_only: bool = False
    completed_too: bool = False
    zombie: bool = False
    scopes: Sequence[str] = ()

    def arguments(self) -> tuple[object, ...]:
        """In the order of the query's parameters."""
        completed_too = (
            self.completed_too or self.completion_result is not None or "completed" in self.statuses
        )
        return (
            list(self.services) or None,
            list(self.handlers) or None,
            list(self.keys) or None,
            list(self.statuses) or None,
            list(self.deployments) or None,
            self.completion_result,
            self.virtual_objects_only,
            completed_too,
            self.zombie,
            list(self.scopes) or None,
        )

    def nothing(self) -> str:
        everything = self == Filters()
        return (
            "No invocations going on; --all shows completed ones." if everything else "No such invocations."
        )


def plain(record: Any) -> dict[str, Any]:
    """A record for `--json`: payloads as text where they are text."""
    return {
        name: value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
        for name, value in asdict(record).items()
    }


def list_table(rows: Sequence[InvocationRow], at: datetime, *, full: bool) -> RenderableType:
    """Whole ids even on a narrow screen: what is longer than one comes last, or on a line of its own."""
    lines = [heading()]
    for row in rows:
        lines.append(list_line(row, at))
        if (about := note(row, at)) is not None:
            lines.append(Text("    ") + about)
    if full:
        lines.append(Text(f"The first {len(rows)}; --limit shows more.", style="dim"))
    return Text("\n").join(lines)


def heading() -> Text:
    return Text(
        f"{'ID':<{ID_WIDTH}}{'STATUS':<{STATUS_WIDTH}}{'CREATED':<{CREATED_WIDTH}}TARGET", style="bold"
    )


def list_line(row: InvocationRow, at: datetime) -> Text:
    status = status_text(row)
    status.pad_right(STATUS_WIDTH - len(status))
    created = f"{relative(row.created_at, at, units=1):<{CREATED_WIDTH}}"
    return Text.assemble(f"{row.id:<{ID_WIDTH}}", status, created, (in_scope(row.target, row.scope), "bold"))


def status_text(row: InvocationRow) -> Text:
    """A completed one says how."""
    match row.completion_result:
        case "success":
            return styled_status("succeeded")
        case "failure":
            return styled_status("failed")
        case _:
            return styled_status(row.status)


def note(row: InvocationRow, at: datetime) -> Text | None:
    """What one would ask next about an invocation in its status."""
    if row.completion_failure is not None:
        return Text(shortened(row.completion_failure, NOTE_LIMIT), style="red")
    if row.status == "scheduled" and row.scheduled_start_at is not None:
        return Text(f"starts {coming(row.scheduled_start_at, at)}")
    if row.waits_for_deployment is not None:
        return no_worker(row.waits_for_deployment)
    if row.last_failure is None:
        return None
    attempts = f"{row.retry_count} failed attempt{'' if row.retry_count == 1 else 's'}"
    again = f", next {coming(row.next_retry_at, at)}" if row.next_retry_at is not None else ""
    return Text.assemble(f"{attempts}{again}: ", (shortened(row.last_failure, NOTE_LIMIT), "red"))


def no_worker(deployment: str) -> Text:
    """Why one that is ready does not run."""
    return Text(f"waits for a worker of deployment {deployment}", style="red")


def description(
    invocation: InvocationDetail, entries: Sequence[Entry], events: Sequence[EventRow], at: datetime
) -> RenderableType:
    parts: list[RenderableType] = [
        Text.assemble((invocation.target, "bold"), "  ", invocation.id),
        fields(head(invocation, events, at)),
        "",
    ]
    if entries:
        parts.append(rendered(lines(entries, events, at), at))
    else:
        parts.append(Text("No journal: it has expired, or nothing was kept.", style="dim"))
    return Group(*parts)


def head(
    invocation: InvocationDetail, events: Sequence[EventRow], at: datetime
) -> list[tuple[str, RenderableType | None]]:
    one = invocation
    return [
        ("Status", status_line(one, at)),
        ("Scope", one.scope),
        ("Limit key", one.limit_key),
        ("Created", point(one.created_at, at)),
        ("Scheduled for", point(one.scheduled_start_at, at)),
        ("Waiting for key", inbox_line(one)),
        ("First started", point(one.running_at, at)),
        ("Attempt since", point(one.last_start_at, at)),
        ("Completed", completed_line(one, at)),
        ("Failed with", one.completion_failure and Text(one.completion_failure, style="red")),
        ("Last error", last_error(one)),
        ("Raised at", raised_at(events) if one.last_failure else None),
        ("Failed attempts", None if one.last_failure is None else str(one.retry_count)),
        ("Next retry", due(one.next_retry_at, at)),
        ("Invoked by", caller(one)),
        ("Restarted from", one.restarted_from),
        ("Idempotency key", one.idempotency_key),
        ("Deployment", deployment(one)),
        ("Kept until", kept_until(one, at)),
        ("Trace", one.trace_id),
    ]


def point(when: datetime | None, at: datetime) -> str | None:
    return None if when is None else f"{absolute(when)} ({relative(when, at)})"


def due(when: datetime | None, at: datetime) -> str | None:
    return None if when is None else f"{absolute(when)} ({coming(when, at)})"


def status_line(one: InvocationDetail, at: datetime) -> Text:
    if one.status == "completed":
        return styled_status("failed" if one.completion_result == "failure" else "succeeded")
    if one.waits_for_deployment is not None:
        return Text.assemble(styled_status(one.status), "  ", no_worker(one.waits_for_deployment))
    since = Text(f"  for {duration(at - one.modified_at)}", style="dim")
    return styled_status(one.status) + (since if one.status in ("suspended", "paused") else Text())


def inbox_line(one: InvocationDetail) -> str | None:
    if one.waits_behind is None:
        return None
    return f"{one.waits_behind} before it in the inbox; {one.key_holder_id or 'nobody'} holds the key"


def completed_line(one: InvocationDetail, at: datetime) -> str | None:
    if one.completed_at is None:
        return None
    return f"{point(one.completed_at, at)}, after {duration(one.completed_at - one.created_at)}"


def last_error(one: InvocationDetail) -> Text | None:
    if one.last_failure is None:
        return None
    words = [
        one.last_failure_related_command_type,
        one.last_failure_related_command_name,
        None
        if one.last_failure_related_command_index is None
        else f"#{one.last_failure_related_command_index}",
    ]
    related = " ".join(word for word in words if word)
    return Text.assemble((one.last_failure, "red"), f"  at {related}" if related else "")


def caller(one: InvocationDetail) -> str:
    if one.invoked_by_id is None:
        return one.invoked_by
    return f"{one.invoked_by_target or one.invoked_by}  {one.invoked_by_id}"


def deployment(one: InvocationDetail) -> str | None:
    if one.pinned_deployment_id is None or not one.deployment_removed:
        return one.pinned_deployment_id
    if one.status == "completed":
        return f"{one.pinned_deployment_id}, since removed"
    again = f"pgdurable invocations resume {one.id} --deployment latest"
    return f"{one.pinned_deployment_id}, which was removed; to go on without it: {again}"


def kept_until(one: InvocationDetail, at: datetime) -> str | None:
    kept = [length for length in (one.completion_retention, one.journal_retention) if length]
    if one.completed_at is None or not kept:
        return None
    return point(one.completed_at + max(kept), at)
