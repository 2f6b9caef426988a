"""What is served: the clock, and a report for it to ask for."""

from pathlib import Path

import pgdurable
from pgdurable import Context, Service

from .job import job

reports = Service("Reports")

PAPER = Path("reports.txt")


@reports.handler("print")
async def print_report(ctx: Context, title: str) -> None:
    """The work that is done periodically. It knows nothing about that."""
    await ctx.run_typed("print", write, title=title)


def write(title: str) -> None:
    with PAPER.open("a") as paper:
        paper.write(f"{title}\n")


app = pgdurable.app([job, reports])
