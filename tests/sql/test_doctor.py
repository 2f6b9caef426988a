"""Every check of sql/doctor is one statement that gives severity, what, why and fix."""

from __future__ import annotations

import psycopg
import pytest

from pgdurable.store.sql_files import SqlFile, read, sql_root

CHECKS = list(read(sql_root(), "doctor"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check(sql_dsn: str, check: SqlFile) -> None:
    with psycopg.connect(sql_dsn) as connection:
        connection.execute(b"set transaction read only")
        cursor = connection.execute(check.text.encode())
        assert [column.name for column in cursor.description or ()] == ["severity", "what", "why", "fix"]
        assert {row[0] for row in cursor} <= {"error", "warning", "note"}
