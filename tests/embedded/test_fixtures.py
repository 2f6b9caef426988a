"""The fixtures give what they say: the chosen server, a database of one's own, a server to be crashed."""

from __future__ import annotations

import psycopg
import pytest

from tests.fixtures.postgres import FLAVOUR, Server


def ask(dsn: str, question: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return row[0]


def test_the_server_is_of_the_chosen_version(server: Server) -> None:
    chosen = FLAVOUR.removeprefix("docker")
    assert ask(server.dsn(), "select current_setting('server_version_num')::int / 10000") == int(chosen)


@pytest.mark.parametrize("occasion", ["first", "second"])
def test_a_database_is_migrated_and_nobody_elses(dsn: str, occasion: str) -> None:
    assert ask(dsn, "select to_regnamespace('pgdurable') is not null")
    with psycopg.connect(dsn) as connection:
        connection.execute("create table public.mine (occasion text)")
        connection.execute("insert into public.mine values (%s)", [occasion])
    assert ask(dsn, "select occasion from public.mine") == occasion


def test_an_empty_database_is_empty(empty_dsn: str) -> None:
    assert ask(empty_dsn, "select to_regnamespace('pgdurable') is null")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_of_ones_own_can_be_stopped_and_started(own_server: Server, how: str) -> None:
    assert ask(own_server.dsn(), "select to_regnamespace('pgdurable') is not null")
    own_server.stop("fast" if how == "fast" else "immediate")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(own_server.dsn())
    own_server.start()
    assert ask(own_server.dsn(), "select to_regnamespace('pgdurable') is not null")
