"""Every row class is its composite type: the same names in the same order, of types that go together."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import psycopg
import pytest

from pgdurable.store import rows
from pgdurable.store.rows import COMPOSITES

# What is read of the `out` parameters of a function. In which order, test_queries says.
FUNCTIONS: dict[str, type[Any]] = {
    "results": rows.ResultRow,
    "await_result": rows.AwaitedRow,
    "submit": rows.Submitted,
    "apply": rows.Applied,
    "fire_timers": rows.Fired,
    "signal": rows.Signalled,
}

# The result of a query that has a text of its own.
QUERIES = {"handlers": rows.HandlerRow}

PYTHON_TYPES: dict[str, set[Any]] = {
    "uuid": {UUID},
    "text": {str},
    "integer": {int},
    "bigint": {int},
    "smallint": {int},
    "boolean": {bool},
    "bytea": {bytes},
    "interval": {timedelta, float},  # float: the query asks for seconds
    "timestamp with time zone": {datetime},
    "integer[]": {list[int]},
    "text[]": {list[str]},
    "uuid[]": {list[UUID]},
    "pgdurable_engine.journal[]": {list[rows.JournalRow]},
    "pgdurable_engine.notification[]": {list[rows.NotificationRow]},
    "pgdurable_engine.state_value[]": {list[tuple[str, bytes]]},
    "pgdurable_engine.start[]": {list[rows.StartRow]},
    "pgdurable_engine.hint[]": {list[rows.HintRow]},
    "pgdurable_engine.admission[]": {list[rows.AdmissionRow]},
    "pgdurable_engine.answer[]": {list[rows.AnswerRow]},
}


def classes() -> set[type[Any]]:
    return {
        value
        for value in vars(rows).values()
        if isinstance(value, type) and issubclass(value, tuple) and value.__module__ == rows.__name__
    }


def sql_name(field: str) -> str:
    return "index" if field == "position" else field


def hints_of(row: type[Any]) -> dict[str, Any]:
    names = {"UUID": UUID, "timedelta": timedelta, "datetime": datetime}
    return get_type_hints(row, localns=names)


def without_none(hint: Any) -> Any:
    """The one type that a hint allows beside None."""
    if get_origin(hint) not in (UnionType, Union):
        return hint
    (only,) = set(get_args(hint)) - {NoneType}
    return only


def fits(hint: Any, sql_type: str, enums: set[str]) -> bool:
    wanted = {str} if sql_type.removeprefix("pgdurable_engine.") in enums else PYTHON_TYPES[sql_type]
    return without_none(hint) in wanted


@pytest.fixture
def connection(dsn: str) -> Any:
    with psycopg.connect(dsn) as connection:
        yield connection


def fetch(connection: psycopg.Connection, query: str, *args: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), args).fetchall()


def enums(connection: psycopg.Connection) -> set[str]:
    return {name for (name,) in fetch(connection, "select typname from pg_type where typtype = 'e'")}


def columns(connection: psycopg.Connection, relation: str) -> list[tuple[str, str]]:
    return [
        (name, type_)
        for name, type_ in fetch(
            connection,
            "select attname, format_type(atttypid, null) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            f"pgdurable_engine.{relation}",
        )
    ]


def outputs(connection: psycopg.Connection, function: str) -> list[tuple[str, str]]:
    return [
        (name, type_)
        for name, type_ in fetch(
            connection,
            "select a.name, format_type(a.type, null) from pg_proc p,"
            " unnest(p.proargnames, p.proallargtypes, p.proargmodes) with ordinality a (name, type, mode, n)"
            " where p.oid = %s::regproc and a.mode in ('o', 't') order by a.n",
            f"pgdurable_engine.{function}",
        )
    ]


def test_no_row_class_is_left_out() -> None:
    assert classes() == {*COMPOSITES.values(), *FUNCTIONS.values(), *QUERIES.values()}


@pytest.mark.parametrize("name", COMPOSITES)
def test_a_row_is_its_composite_type(connection: psycopg.Connection, name: str) -> None:
    row = COMPOSITES[name]
    described = columns(connection, name)
    assert [sql_name(field) for field in row._fields] == [column for column, _ in described]
    hints, known = hints_of(row), enums(connection)
    wrong = [
        f"{field}: {hints[field]} for {type_}"
        for field, (_, type_) in zip(row._fields, described, strict=True)
        if not fits(hints[field], type_, known)
    ]
    assert not wrong


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_row_is_what_its_function_returns(connection: psycopg.Connection, name: str) -> None:
    row = FUNCTIONS[name]
    described = dict(outputs(connection, name))
    hints, known = hints_of(row), enums(connection)
    wrong = [
        f"{field}: {hints[field]} for {described.get(field)}"
        for field in row._fields
        if field not in described or not fits(hints[field], described[field], known)
    ]
    assert not wrong


@pytest.mark.parametrize("table", ["journal", "notification"])
def test_what_a_stored_row_may_lack_is_what_its_column_may_lack(
    connection: psycopg.Connection, table: str
) -> None:
    not_null = {
        name
        for (name,) in fetch(
            connection,
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attnotnull",
            f"pgdurable_engine.{table}",
        )
    }
    row = COMPOSITES[table]
    required = {sql_name(field) for field, hint in hints_of(row).items() if hint == without_none(hint)}
    assert required == not_null


def test_the_one_renamed_column_is_a_method_of_tuples() -> None:
    renamed = {field for row in classes() for field in row._fields if sql_name(field) != field}
    assert renamed == {"position"}
    assert all(re.fullmatch(r"[a-z_]+", field) for row in classes() for field in row._fields)
