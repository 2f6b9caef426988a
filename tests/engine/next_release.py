"""A release that comes after this one, made up: how its schema differs decides whether this one can stay."""

from __future__ import annotations

from dataclasses import replace

from pgdurable.store import compatibility, sql_files
from pgdurable.store.sql_files import Migration, SqlFiles

RELEASE = "99.0.0"

# An argument more, as a rule for older callers would have it: all functions are dropped and created anew.
WIDER = ("heartbeat(p_worker uuid)", "heartbeat(p_worker uuid, p_more int default 0)")
RENAMED = ("function pgdurable_engine.claim(", "function pgdurable_engine.claim_otherwise(")
FITTING = "alter table pgdurable_engine.worker add column more int not null default 0"
BREAKING = f"--! breaking\n{FITTING}"


def files(text: str | None, *changes: tuple[str, str]) -> SqlFiles:
    """The next schema: one more migration, and changes to functions."""
    ours = sql_files.load()
    migrations = ours.migrations
    if text is not None:
        number = len(migrations) + 1
        migrations = (*migrations, Migration(f"migrations/{number:04}_next.sql", text, number))
    repeatable = ours.repeatable
    for old, new in changes:
        assert any(old in file.text for file in repeatable), old
        repeatable = tuple(replace(file, text=file.text.replace(old, new)) for file in repeatable)
    return SqlFiles(migrations, repeatable)


def be_the_next_release() -> None:
    """A hook of the nursery: this process knows of the breaking migration."""
    following = files(BREAKING)
    compatibility.own_files = lambda: following  # type: ignore[assignment]  # pyright: ignore
