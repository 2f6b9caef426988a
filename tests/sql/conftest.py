"""SQL functions are tested one by one, each test in a transaction that is rolled back, with a frozen clock.

`story` is the vocabulary for that. Tests that need a second connection, or commits, ask for `dsn` as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.sql.story import Story

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.fixtures.postgres import Server


@pytest.fixture(scope="session")
def sql_dsn(server: Server, template: str, worker_id: str) -> Generator[str]:
    """One database for all tests of this folder, since none of them leaves anything behind."""
    name = f"test_sql_{worker_id}"
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(f"create database {name} template {template}".encode())
        yield server.dsn(name)
        admin.execute(f"drop database {name} with (force)".encode())


@pytest.fixture(scope="session")
def sql_connection(sql_dsn: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(sql_dsn) as connection:
        yield connection


@pytest.fixture
def story(sql_connection: psycopg.Connection) -> Generator[Story]:
    try:
        yield Story(sql_connection)
    finally:
        sql_connection.rollback()


@pytest.fixture
def observer(dsn: str) -> Generator[psycopg.Connection]:
    """It looks at who waits for whom, and holds nothing."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
