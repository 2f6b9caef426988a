"""What the documentation says is so: its programs compile and run, its transcripts happen, its links lead
somewhere. `pages.py` says how a block is checked.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING

import click
import psycopg
import pytest
from psycopg import sql

import pgdurable
from pgdurable.config import Settings
from pgdurable_cli.main import main
from pgdurable_sdk.retry import InvocationRetryPolicy
from tests.circumstances.programs.situations import ANSWERS
from tests.docs import options, reference
from tests.docs.pages import LANGUAGES, ROOT, Block, blocks, pages
from tests.docs.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ALL = [block for page in pages() for block in blocks(page)]
SESSIONS = [page for page in pages() if any(block.language == "console" for block in blocks(page))]
OWN_SERVER = ("README.md", "docs/tour.md", "docs/operations.md", "docs/guides/client.md")
"""They speak of the embedded server and have one; for others a database of the tests is there sooner."""


def of(language: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", [b for b in ALL if b.language == language], ids=str)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_block_is_of_a_kind_that_is_checked(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)(#[\w-]+)?\)|src=\"([^\"]+)\"", prose)
    for path in {path or source for path, _, source in links}:
        if not path.startswith(("http://", "https://")):
            assert (page.parent / path).exists(), f"{name(page)}: {path}"


def test_the_table_of_contents_has_every_page() -> None:
    contents = ROOT / "docs/README.md"
    linked = {
        (contents.parent / path).resolve() for path in re.findall(r"\]\(([^)#]+)", contents.read_text())
    }
    assert {page for page in pages() if page.is_relative_to(contents.parent)} - {contents} <= linked


@of("python")
def test_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


@of("python")
def test_excerpts_are_what_the_file_says(block: Block) -> None:
    if block.excerpt_of is not None:
        file, text = block.excerpt_of
        assert text in file.read_text()


@of("sql")
def test_sql_runs(block: Block, dsn: str) -> None:
    with psycopg.connect(dsn, options="-c search_path=pgdurable,public") as connection:
        connection.execute(block.text.encode())
        connection.rollback()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in SESSIONS if name(page) in OWN_SERVER], ids=name)
def test_transcript_with_a_server(page: Path, server_dir: Path) -> None:
    with Terminal(server_dir) as terminal:
        play(page, terminal)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in SESSIONS if name(page) not in OWN_SERVER], ids=name)
def test_transcript(page: Path, server_dir: Path, request: pytest.FixtureRequest) -> None:
    """On the database of the tests. Asked for here and not as argument, which would make this a test of all
    versions of PostgreSQL: it is one of the page.
    """
    dsn: str = request.getfixturevalue("dsn")
    with psycopg.connect(dsn, autocommit=True) as connection:  # as `pgdurable dev` has it in its own database
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set search_path = pgdurable, public").format(database))
    with Terminal(server_dir, dsn) as terminal:
        play(page, terminal)


def play(page: Path, terminal: Terminal) -> None:
    for block in blocks(page):
        if block.language == "console":
            terminal.run(block)
        elif block.language == "diff":
            terminal.apply(block)
        elif block.file_name is not None:
            terminal.write(block.file_name, block.text)


# --- tables that say what the code says


def first_cells(page: str) -> list[str]:
    """The code in the first cells of a page's tables."""
    lines = (ROOT / page).read_text().splitlines()
    return [
        code
        for line in lines
        if line.startswith("| `")
        for code in re.findall(r"`([^`]+)`", line.split("|")[1])
    ]


def table(page: str, first: str) -> list[list[str]]:
    """The cells of a page's table whose first heading is ``first``, heading included, without backticks."""
    text = (ROOT / page).read_text()
    found = re.search(rf"^\| {first} \|.*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no table of {first}"
    head, _, *body = found.group().splitlines()
    return [re.findall(r"\| `?([^|`]+?)`? (?=\|)", line) for line in (head, *body)]


def test_the_reference_has_every_command() -> None:
    def commands(group: click.Group, path: tuple[str, ...]) -> Generator[str]:
        for name, command in group.commands.items():
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))
            else:
                yield " ".join((*path, name))

    told = [re.split(r" (?=[A-Z\[])", cell)[0] for cell in first_cells("docs/reference/cli.md")]
    assert sorted(told) == sorted(commands(main, ("pgdurable",)))


def test_the_reference_says_what_becomes_of_each_status() -> None:
    """As the tests have it that do it."""
    (_, *operations), *lines = table("docs/reference/sql.md", "status")
    told = {status: dict(zip(operations, answers, strict=True)) for status, *answers in lines}
    assert told == {status: answers for status, answers in ANSWERS.items() if status}


def test_the_reference_has_every_view_and_function(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        views = connection.execute("select viewname from pg_views where schemaname = 'pgdurable'").fetchall()
        functions = connection.execute(
            "select distinct proname from pg_proc where pronamespace = 'pgdurable'::regnamespace"
        ).fetchall()

    told = [cell.partition("(")[0] for cell in first_cells("docs/reference/sql.md")]
    assert sorted(told) == sorted(name for (name,) in views + functions)


def test_the_reference_of_options_is_what_the_code_says() -> None:
    assert options.PAGE.read_text() == options.render(), "it is out of date: make reference"


def test_operations_has_every_setting() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    settings = Settings()

    assert [name for name, _ in rows] == [field.name for field in fields(settings)]
    for name, told in rows:
        match getattr(settings, name):
            case float() | int() as number:
                assert float(told) == number, name
            case timedelta() as kept:
                assert told == f"{kept.days} day", name
            case InvocationRetryPolicy() as retry:
                assert (retry.max_attempts, retry.on_max_attempts) == (70, "pause")
                assert (retry.initial_interval, retry.max_interval) == (
                    timedelta(seconds=0.5),
                    timedelta(minutes=1),
                )
            case other:
                raise AssertionError(f"{name}: {other!r} is of a kind that this test does not know")


def test_the_reference_of_the_python_api_is_what_the_code_says() -> None:
    for path, text in reference.render_all().items():
        assert path.read_text() == text, f"{name(path)} is out of date: make reference"


def test_the_reference_has_every_public_name() -> None:
    told = {name.removeprefix("pgdurable.") for page in reference.PAGES.values() for name in page.names}
    public = set(pgdurable.__all__) - {"__version__"} - reference.ALIASES.keys()
    assert not public - told, "give them a page, in tests/docs/reference.py"


def test_design_has_a_line_for_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    section = (ROOT / "docs/design.md").read_text().partition("## Dependencies")[2]

    for requirement in wanted:
        name = re.match(r"[\w-]+", requirement)
        assert name is not None
        assert re.search(rf"(\| |\*\*){name[0]}( \||\*\*)", section), name[0]
