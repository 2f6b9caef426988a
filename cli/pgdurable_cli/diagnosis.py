"""What is wrong with a database of pgdurable: every query of `sql/doctor`, and what no query can tell.

A check finds rows of severity, what, why and fix. It may change nothing, and has a few seconds: what takes
longer at a big database is skipped, and that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from time import time
from typing import TYPE_CHECKING, Final

from pgdurable.store import migrate
from pgdurable.store.sql_files import read, sql_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgdurable_cli.database import Database

__all__ = ["CLOCK", "Diagnosis", "Finding", "diagnose"]

SEVERITIES: Final = ("error", "warning", "note")
CLOCK: Final = 1.0
"""Seconds by which the clocks of two machines may differ before it is said."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a check."""

    severity: str
    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    """The name of its file in sql/doctor; or versions, connection, clock."""
    severity: str
    """error: work is lost, stuck or about to be. warning: it gets slower, or will be. note: good to know."""
    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    findings: list[Finding]
    """The worst first."""
    checked: list[str]
    skipped: dict[str, str]
    """Checks that were not finished, and why."""

    @property
    def healthy(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)


def diagnose(database: Database, dsn: str, seconds: float) -> Diagnosis:
    """Look at everything, each check for so many seconds at most. Raises Failure if there is no schema."""
    diagnosis = Diagnosis([], [], {})
    for name, check in (("connection", _connection), ("versions", _versions), ("clock", _clock)):
        found = list(check(database, dsn))
        diagnosis.checked.append(name)
        diagnosis.findings.extend(_named(name, found))
        if name != "clock" and any(row.severity == "error" for row in found):
            diagnosis.skipped["the others"] = f"they need another outcome of {name}"
            break
    else:
        _query(database, seconds, diagnosis)
    diagnosis.findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return diagnosis


def _query(database: Database, seconds: float, diagnosis: Diagnosis) -> None:
    for file in read(sql_root(), "doctor"):
        name = PurePath(file.name).stem
        try:
            found = database.within(seconds, file.text, Found)
        except TimeoutError:
            diagnosis.skipped[name] = f"it took more than {seconds:g} s; --timeout gives it more"
        except PermissionError as error:
            diagnosis.skipped[name] = str(error)
        else:
            diagnosis.checked.append(name)
            diagnosis.findings.extend(_named(name, found))


def _named(name: str, found: list[Found]) -> Iterator[Finding]:
    return (Finding(name, row.severity, row.what, row.why, row.fix) for row in found)


def _connection(database: Database, _: str) -> Iterator[Found]:
    if (complaint := database.without_transactions()) is not None:
        yield Found(
            "error",
            f"transactions are refused here: {complaint}",
            "a pooler in statement mode is in between, and what pgdurable does are transactions",
            "let it pool transactions (pool_mode = transaction), or connect to PostgreSQL itself",
        )
    elif database.relayed:
        yield Found(
            "note",
            "a pooler or a proxy is between here and PostgreSQL",
            "one that pools transactions forwards no notifications: processes then ask now and then",
            "give processes a DSN that leads to PostgreSQL itself, if they should be told at once",
        )


def _versions(_: Database, dsn: str) -> Iterator[Found]:
    try:
        plan = migrate.outstanding(dsn)
    except migrate.MigrationError as error:
        yield Found("error", str(error), "code and schema do not fit", "upgrade what is older")
        return
    if plan.pending:
        names = ", ".join(migration.name for migration in plan.pending)
        yield Found(
            "error",
            f"the schema is older than this release: {names} not applied",
            "processes of this release do not start on it",
            "pgdurable migrate",
        )
    elif plan.refresh:
        yield Found(
            "warning",
            "functions and views are not those of this release",
            "they are of another one, or somebody has changed them",
            "pgdurable migrate",
        )


def _clock(database: Database, _: str) -> Iterator[Found]:
    before = time()
    there = database.clock()
    after = time()
    ahead = there - (before + after) / 2
    if abs(ahead) > CLOCK + (after - before) / 2:
        where = "ahead of" if ahead > 0 else "behind"
        yield Found(
            "warning",
            f"the clock of PostgreSQL is {abs(ahead):.1f} s {where} the one of this machine",
            "timers and leases go by PostgreSQL's alone; times in logs do not match what the tables say",
            "let both be set by NTP",
        )
