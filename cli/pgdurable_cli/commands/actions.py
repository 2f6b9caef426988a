"""`pgdurable invocations cancel|kill|pause|resume|purge`: one by its id, or all that match a target."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click
from rich.text import Text

from pgdurable_cli.errors import Failure
from pgdurable_cli.invocation import STATUSES
from pgdurable_cli.options import dsn_option, scope_option, yes_option
from pgdurable_cli.output import compact, say, styled_status
from pgdurable_cli.targets import OneInvocation, Target, in_scope, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pgdurable_cli.database import Database

__all__ = ["Action", "action_commands", "told"]

SHOWN_BEFORE_ASKING = 20


@dataclass(frozen=True, slots=True)
class Action:
    """What may be done to invocations."""

    name: str
    query: str
    """The statement of `sql/queries` that does it to one."""
    help: str
    applies_to: tuple[str, ...]
    """The statuses in which those of a target are taken; one named by its id is tried in any."""
    done: str
    accepted: str
    arguments: tuple[str, ...] = ()
    """What the statement takes beside the id."""


LIVE = tuple(status for status in STATUSES if status != "completed")
CANCEL = Action(
    "cancel",
    "cancel",
    "Cancel invocations: what they wait for raises, so that they can compensate and end.",
    LIVE,
    done="canceled",
    accepted="is being canceled",
)
KILL = Action(
    "kill",
    "kill",
    "End invocations and the calls they wait for at once, without compensation.",
    LIVE,
    done="killed",
    accepted="is being killed",
)
PAUSE = Action(
    "pause",
    "pause",
    "Stop invocations where they are, until they are resumed.",
    ("ready", "running", "backing-off"),
    done="paused",
    accepted="paused",
)
RESUME = Action(
    "resume",
    "resume_on",
    "Run paused invocations again, and those that wait for a retry at once.",
    ("paused", "suspended", "backing-off"),
    done="resumed",
    accepted="resumed",
)
PURGE = Action(
    "purge",
    "purge",
    "Delete completed invocations: result, journal, and idempotency or workflow key.",
    ("completed",),
    done="purged",
    accepted="purged",
)


@dataclass(frozen=True, slots=True)
class Found:
    id: str
    target: str | None
    scope: str | None
    status: str | None

    @property
    def shown(self) -> str:
        """Its target, if it is known."""
        return in_scope(self.target, self.scope) if self.target else ""


@dataclass(frozen=True, slots=True)
class Answer:
    answer: str


def action_commands() -> Iterable[tuple[click.Command, tuple[str, ...]]]:
    """Each with its aliases."""
    yield cancel, ()
    yield command(KILL), ()
    yield command(PAUSE), ()
    yield resume, ()
    yield command(PURGE), ("rm",)


@click.command("cancel", help=f"{CANCEL.help}\n\nQUERY is an id or Service[/key][/handler].")
@click.argument("queries", metavar="QUERY...", nargs=-1, required=True)
@click.option("--kill", is_flag=True, help="Do not let them compensate: end them at once.")
@click.option("--limit", default=500, show_default=True, type=click.IntRange(min=1), help="At most so many.")
@scope_option
@yes_option
@dsn_option
def cancel(
    queries: tuple[str, ...], kill: bool, limit: int, scope: str | None, yes: bool, dsn: str | None
) -> None:
    act(KILL if kill else CANCEL, queries, limit=limit, scope=scope, yes=yes, dsn=dsn)


@click.command("resume", help=f"{RESUME.help}\n\nQUERY is an id or Service[/key][/handler].")
@click.argument("queries", metavar="QUERY...", nargs=-1, required=True)
@click.option(
    "--deployment", default="keep", show_default=True, metavar="keep|latest|ID",
    help="Whose code goes on with them. It has to be able to replay their journals.",
)  # fmt: skip
@click.option("--limit", default=500, show_default=True, type=click.IntRange(min=1), help="At most so many.")
@scope_option
@yes_option
@dsn_option
def resume(
    queries: tuple[str, ...], deployment: str, limit: int, scope: str | None, yes: bool, dsn: str | None
) -> None:
    # What is ready runs anyhow, unless it waits for a deployment that is gone.
    more = () if deployment == "keep" else ("ready",)
    action = replace(RESUME, arguments=(deployment,), applies_to=(*RESUME.applies_to, *more))
    act(action, queries, limit=limit, scope=scope, yes=yes, dsn=dsn)


def command(action: Action) -> click.Command:
    @click.command(action.name, help=f"{action.help}\n\nQUERY is an id or Service[/key][/handler].")
    @click.argument("queries", metavar="QUERY...", nargs=-1, required=True)
    @click.option(
        "--limit", default=500, show_default=True, type=click.IntRange(min=1), help="At most so many."
    )
    @scope_option
    @yes_option
    @dsn_option
    def run(queries: tuple[str, ...], limit: int, scope: str | None, yes: bool, dsn: str | None) -> None:
        act(action, queries, limit=limit, scope=scope, yes=yes, dsn=dsn)

    return run


def act(
    action: Action, queries: Sequence[str], *, limit: int, scope: str | None, yes: bool, dsn: str | None
) -> None:
    """Exit code 1 when there was nothing to do, or not everything could be done. Of a target, what is in
    ``scope``; in any, where that is None."""
    from pgdurable_cli.database import connected

    aims = [parse(query) for query in queries]
    with connected(dsn) as database:
        found = list(
            {one.id: one for aim in aims for one in find(database, action, aim, limit, scope)}.values()
        )
        if not found:
            raise Failure(f"no invocation to {action.name} matches {', '.join(queries)}")
        single = len(aims) == 1 and isinstance(aims[0], OneInvocation)
        if not yes and not single:
            ask(action, found)
        failed = [one for one in found if not carry_out(database, action, one)]
    if failed:
        raise SystemExit(1)


def find(
    database: Database, action: Action, aim: OneInvocation | Target, limit: int, scope: str | None
) -> list[Found]:
    from pgdurable_cli.database import Query

    if isinstance(aim, OneInvocation):
        return database.all(Query("cli_target_id", Found), aim.id) or [Found(aim.id, None, None, None)]
    statement = Query("cli_targets", Found)
    narrowed = aim.service, aim.key_or_handler, aim.key, aim.handler
    return database.all(statement, *narrowed, list(action.applies_to), limit, scope)


def ask(action: Action, found: Sequence[Found]) -> None:
    """Show what will be hit. Without somebody to answer, nothing is done."""
    rows = found[:SHOWN_BEFORE_ASKING]
    table = compact(
        ("ID", "TARGET", "STATUS"),
        ((one.id, one.shown, styled_status(one.status or "")) for one in rows),
    )
    say(table)
    if len(found) > len(rows):
        say(Text(f"… and {len(found) - len(rows)} more", style="dim"))
    if not sys.stdin.isatty():
        raise Failure(f"not going to {action.name} {len(found)} invocations unasked", "--yes says so")
    click.confirm(f"{action.name.capitalize()} {these(len(found))}?", abort=True)


def these(count: int) -> str:
    return "this invocation" if count == 1 else f"these {count} invocations"


def carry_out(database: Database, action: Action, one: Found) -> bool:
    from pgdurable_cli.database import Query

    answer = database.one(Query(action.query, Answer), one.id, *action.arguments)
    assert answer is not None, "a function that returns a value returns one row"
    succeeded, text = told(action, answer.answer)
    name = f"{one.id} {one.shown}".rstrip()
    if succeeded:
        say(f"{name}: {text}")
    else:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {name}: {text}", err=True)
    return succeeded


def told(action: Action, answer: str) -> tuple[bool, str]:
    """Whether it happened, and what to say about it."""
    match answer:
        case "done":
            return True, action.done
        case "accepted":
            return True, action.accepted
        case "completed":
            return False, "has already completed"
        case "not_running":
            return False, f"is not running, there is nothing to {action.name}"
        case "running":
            return False, "is running; pause it before it goes on with another deployment"
        case "not_completed":
            return False, "has not completed; cancel or kill it first"
        case "not_found":
            return False, "there is no such invocation: it never was, or its retention is over"
        case other:
            return False, other
