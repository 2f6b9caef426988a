"""What a command says when it cannot do what was asked: one line on stderr, and an exit code.

1 is for what went wrong, 2 (click's own) for a command line that makes no sense, 3 for a process whose
release and the schema of its database do not go together: to start it again is of no use.
"""

from __future__ import annotations

from typing import IO, Any

import click

__all__ = ["Failure", "Outdated"]


class Failure(click.ClickException):
    """A command failed for a reason that the user can do something about. No traceback, exit code 1."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(f"{message}: {hint}" if hint else message)

    def show(self, file: IO[Any] | None = None) -> None:
        line = " ".join(self.message.split())
        click.echo(f"{click.style('error:', fg='red', bold=True)} {line}", file=file, err=file is None)


class Outdated(Failure):
    """Another release has to take over from this one."""

    exit_code = 3
