"""Commands that look at something: once, as JSON, or again and again like `watch`."""

from __future__ import annotations

import functools
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click
from rich.console import Group
from rich.live import Live
from rich.text import Text

from pgdurable_cli.options import dsn_option, json_option
from pgdurable_cli.output import out, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from pgdurable_cli.database import Database

__all__ = ["Shown", "View", "viewing"]

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command found, for people and for programs."""

    picture: RenderableType
    data: object


@dataclass(frozen=True, slots=True)
class View:
    """How the user wants to see it."""

    dsn: str | None
    as_json: bool
    interval: float | None
    """Seconds between two looks; None is a single one."""

    def show(self, look: Callable[[Database], Shown]) -> None:
        """Raises Failure; while watching, an error is what is seen, and the next look may be better."""
        if self.interval is None:
            self._print(self._look(look))
            return
        again = self._watch if sys.stdout.isatty() and not self.as_json else self._follow
        with suppress(KeyboardInterrupt):  # how one leaves
            again(look, self.interval)

    def _look(self, look: Callable[[Database], Shown]) -> Shown:
        from pgdurable_cli.database import connected

        with connected(self.dsn) as database:
            return look(database)

    def _print(self, shown: Shown) -> None:
        if self.as_json:
            print_json(shown.data)
        elif isinstance(shown.picture, str):
            click.echo(shown.picture)  # exactly as it is, for another program
        else:
            out().print(shown.picture)

    def _watch(self, look: Callable[[Database], Shown], interval: float) -> None:
        with Live(console=out(), screen=True, auto_refresh=False) as live:
            while True:
                live.update(Group(title(interval), "", self._look_or_error(look)), refresh=True)
                time.sleep(interval)

    def _follow(self, look: Callable[[Database], Shown], interval: float) -> None:
        """Into a file or a pipe: one picture after the other."""
        while True:
            self._print(self._look(look))
            sys.stdout.flush()
            time.sleep(interval)

    def _look_or_error(self, look: Callable[[Database], Shown]) -> RenderableType:
        try:
            return self._look(look).picture
        except click.ClickException as failure:
            return Text(failure.format_message(), style="red")


def title(interval: float) -> Text:
    command = " ".join(["pgdurable", *sys.argv[1:]])
    return Text(
        f"Every {interval:g}s: {command}   {time.strftime('%H:%M:%S')}   (Ctrl-C to leave)", style="dim"
    )


def viewing(command: Callable[Concatenate[View, P], None]) -> Callable[..., None]:
    """Give a command the options of a view, and the view as its first argument."""

    @dsn_option
    @json_option
    @click.option("-w", "--watch", is_flag=True, help="Look again and again.")
    @click.option(
        "-n", "--interval", default=2.0, show_default=True, metavar="SECONDS",
        type=click.FloatRange(min=0.05), help="Seconds between two looks of --watch.",
    )  # fmt: skip
    @functools.wraps(command)
    def run(
        dsn: str | None, as_json: bool, watch: bool, interval: float, *args: P.args, **kwargs: P.kwargs
    ) -> Any:
        command(View(dsn, as_json, interval if watch else None), *args, **kwargs)

    return run
