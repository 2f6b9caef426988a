"""`pgdurable kv`: the state of virtual objects and workflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.text import Text

from pgdurable_cli.commands.services import find_service
from pgdurable_cli.groups import AliasedGroup
from pgdurable_cli.options import scope_option
from pgdurable_cli.output import compact, screen_width
from pgdurable_cli.targets import in_scope
from pgdurable_cli.values import brief, decoded
from pgdurable_cli.view import Shown, View, viewing

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pgdurable_cli.database import Database

__all__ = ["state"]


@dataclass(frozen=True, slots=True)
class StateRow:
    service_key: str
    name: str
    value: bytes


@click.group("state", cls=AliasedGroup)
def state() -> None:
    """State of virtual objects and workflows."""


@click.command("get")
@click.argument("service")
@click.argument("key", required=False)
@click.option("--plain", is_flag=True, help="Only names and values, separated by a tab, whole.")
@scope_option
@viewing
def get_state(view: View, service: str, key: str | None, plain: bool, scope: str | None) -> None:
    """Show the state of one KEY of a service, or of all its keys: those of a scope, or else those without
    one."""
    view.show(lambda database: look_at_state(database, service, key, plain=plain, scope=scope))


state.add(get_state)


def look_at_state(
    database: Database, service: str, key: str | None, *, plain: bool = False, scope: str | None = None
) -> Shown:
    from pgdurable_cli.database import Query

    rows = database.all(Query("cli_state", StateRow), service, key, scope)
    if not rows:
        find_service(database, service)
    data: dict[str, dict[str, object]] = {}
    for row in rows:
        data.setdefault(row.service_key, {})[row.name] = decoded(row.value)
    shown = data.get(key, {}) if key is not None else data
    if plain:
        lines = (f"{row.name}\t{brief(row.value, limit=2**31)}" for row in rows)
        return Shown("\n".join(lines), shown)
    if not rows:
        place = in_scope(service if key is None else f"{service}/{key}", scope)
        return Shown(Text(f"No state in {place}.", style="dim"), shown)
    return Shown(table(rows, with_keys=key is None), shown)


def table(rows: list[StateRow], *, with_keys: bool) -> RenderableType:
    limit = max(60, screen_width() - 40)
    names = ("SERVICE KEY", "KEY", "VALUE") if with_keys else ("KEY", "VALUE")
    return compact(
        names,
        (
            (*([row.service_key] if with_keys else []), Text(row.name, style="bold"), brief(row.value, limit))
            for row in rows
        ),
    )
