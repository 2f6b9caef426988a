"""sql/README.md says what the files say: tables, error codes, functions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pgdurable.store import errors

if TYPE_CHECKING:
    from tests.sql.story import Story

SQL = Path(__file__).parents[2] / "sql"
README = (SQL / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str) -> set[str]:
    """The names in the first column of a section's table."""
    rows = [line for line in section(title).splitlines() if line.startswith("|")][2:]
    return {name for row in rows for name in re.findall(r"[\w]+", row.split("|")[1])}


def test_error_codes() -> None:
    raised = {
        code
        for file in (SQL / "functions").glob("*.sql")
        for code in re.findall(r"errcode = '(\w+)'", file.read_text())
    }
    assert first_cells("Errors") == raised
    assert {code for code in errors.BY_SQLSTATE if code.startswith("PD")} == raised


def test_tables(story: Story) -> None:
    tables = story.rows("""
        select c.relname from pg_class c
        where c.relnamespace = 'pgdurable_engine'::regnamespace and c.relkind = 'r'
    """)
    assert first_cells("Tables") == {name for (name,) in tables}


def test_functions(story: Story) -> None:
    functions = {
        name
        for (name,) in story.rows("""
            select p.proname from pg_proc p
            where p.pronamespace in ('pgdurable'::regnamespace, 'pgdurable_engine'::regnamespace)
        """)
    }
    verbs = [line.split("|")[2] for line in section("Verbs").splitlines() if line.startswith("|")][2:]
    assert {name for cell in verbs for name in re.findall(r"`(\w+)`", cell)} <= functions
    written_by = [line.split("|")[3] for line in section("Tables").splitlines() if line.startswith("|")][2:]
    assert {name for cell in written_by for name in re.findall(r"`(\w+)`", cell)} <= functions


def test_no_function_is_overloaded(story: Story) -> None:
    """The migrator takes an overload for what a changed signature left behind."""
    overloaded = story.rows("""
        select p.proname from pg_proc p
        where p.pronamespace in ('pgdurable'::regnamespace, 'pgdurable_engine'::regnamespace)
        group by p.pronamespace, p.proname having count(*) > 1
    """)
    assert overloaded == []
