"""SQL statements of the engine: one file each under ``sql/queries``, read once.

SQL text lives under ``sql/`` alone, so that it can be read, tested and pasted into psql as what it is.
"""

from __future__ import annotations

from functools import cache

from pgdurable.store.sql_files import sql_root


@cache
def query(name: str) -> str:
    """The text of ``sql/queries/<name>.sql``."""
    return (sql_root() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
