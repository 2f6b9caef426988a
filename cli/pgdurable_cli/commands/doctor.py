"""`pgdurable doctor`: what is wrong with the database, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click
from rich.console import Group
from rich.text import Text

from pgdurable_cli.options import dsn_option, json_option
from pgdurable_cli.output import fields, print_json, say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pgdurable_cli.diagnosis import Diagnosis, Finding

__all__ = ["doctor"]

STYLES: Final = {"error": "bold red", "warning": "bold yellow", "note": "bold blue"}


@click.command()
@dsn_option
@json_option
@click.option(
    "--timeout", default=10.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=0.001),
    help="For how long each check may look; one that needs longer is skipped.",
)  # fmt: skip
@click.pass_context
def doctor(context: click.Context, dsn: str | None, as_json: bool, timeout: float) -> None:
    """Look for what is wrong: stuck invocations, missing workers, settings, bloat.

    Nothing is changed. The exit code is 1 if there is anything of severity error, else 0.
    """
    from pgdurable_cli.database import connected, default_dsn
    from pgdurable_cli.diagnosis import diagnose

    with connected(dsn) as database:
        diagnosis = diagnose(database, dsn or default_dsn(), timeout)
    if as_json:
        print_json({"healthy": diagnosis.healthy, **asdict(diagnosis)})
    else:
        say(picture(diagnosis))
    context.exit(0 if diagnosis.healthy else 1)


def picture(diagnosis: Diagnosis) -> RenderableType:
    parts: list[RenderableType] = []
    for finding in diagnosis.findings:
        parts += [described(finding), ""]
    for name, why in diagnosis.skipped.items():
        parts.append(Text(f"skipped {name}: {why}", style="yellow"))
    counts = ", ".join(
        f"{number} {severity}{'s' if number > 1 else ''}"
        for severity in STYLES
        if (number := sum(finding.severity == severity for finding in diagnosis.findings))
    )
    parts.append(f"{len(diagnosis.checked)} checks: {counts or 'nothing found'}")
    return Group(*parts)


def described(finding: Finding) -> RenderableType:
    head = Text.assemble(
        (finding.severity, STYLES[finding.severity]), f" {finding.what} ", (f"[{finding.check}]", "dim")
    )
    return Group(head, fields([("why", finding.why), ("do", finding.fix)]))
