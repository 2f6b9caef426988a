"""Where commands write to: tables for people, JSON for programs.

Nothing is cut off that is not read on a screen: piped output is as wide as it needs to be, so that `grep` and
`awk` see whole ids.
"""

from __future__ import annotations

import shutil
import sys
from functools import cache
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pgdurable_cli.values import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

__all__ = ["STATUS_STYLES", "compact", "fields", "out", "print_json", "say", "screen_width", "styled_status"]

PIPED_WIDTH = 10_000

STATUS_STYLES = {
    "scheduled": "blue",
    "pending": "yellow",
    "ready": "cyan",
    "running": "bold cyan",
    "backing-off": "bold yellow",
    "suspended": "magenta",
    "paused": "bold red",
    "completed": "green",
    "succeeded": "green",
    "failed": "red",
}


@cache
def out() -> Console:
    """Standard output. `NO_COLOR` and `FORCE_COLOR` are heeded; brackets in what is shown mean nothing."""
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def say(text: RenderableType) -> None:
    """Tell what was done."""
    out().print(text)


def print_json(value: object, *, indent: int | None = 2) -> None:
    click.echo(as_json(value, indent=indent))


def compact(
    columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, right: Iterable[int] = ()
) -> Table:
    """A table without lines; its last column gives way when the screen is narrow."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    numeric = set(right)
    for place, name in enumerate(columns):
        last = place == len(columns) - 1
        table.add_column(
            name, justify="right" if place in numeric else "left", no_wrap=not last, overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    return table


def fields(rows: Iterable[tuple[str, RenderableType | None]], indent: int = 2) -> Table:
    """Names and values below each other, leaving out what has no value."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value is not None:
            table.add_row(" " * indent + name, value)
    return table


def styled_status(status: str) -> Text:
    return Text(status, style=STATUS_STYLES.get(status, ""))


def screen_width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPED_WIDTH
