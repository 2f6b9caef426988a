"""One exception for each condition, told by its SQLSTATE and by nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from pgdurable.store import again, errors
from pgdurable.store.access import Access
from pgdurable.store.errors import (
    BY_SQLSTATE,
    CLOSING,
    BadInvocationId,
    OutcomeUnknown,
    Refused,
    ServiceTypeChanged,
    StoreError,
    TryAgain,
    Unstorable,
    WorkerFenced,
    translate,
)
from pgdurable.store.lane import Lane

README = Path(__file__).parents[2] / "sql" / "README.md"
FUNCTIONS = Path(__file__).parents[2] / "sql" / "functions"

TABLE = {
    "PD001": WorkerFenced,
    "PD002": ServiceTypeChanged,
    "PD003": BadInvocationId,
    "40001": TryAgain,
    "40P01": TryAgain,
    "55P03": TryAgain,
    "57014": TryAgain,
    "53100": TryAgain,
    "53200": TryAgain,
    "57P01": OutcomeUnknown,
    "57P02": OutcomeUnknown,
    "08006": OutcomeUnknown,
    "22021": Unstorable,
    "54000": Unstorable,
    "PD006": Unstorable,
    "42883": TryAgain,
    "42P01": TryAgain,
    "23505": Refused,
    "XX000": TryAgain,
}


@pytest.mark.parametrize("code", TABLE)
async def test_an_error_of_the_server_by_its_code(
    dsn: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "PAUSES", ())
    lane = Lane(Access(dsn), "test")
    try:
        with pytest.raises(TABLE[code], match=code) as caught:
            await lane.row(f"do $$ begin raise exception 'whatever' using errcode = '{code}'; end $$")
    finally:
        await lane.close()
    assert type(caught.value) is TABLE[code]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 11"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    ],
)
def test_a_connection_that_broke_leaves_the_outcome_open(error: Exception) -> None:
    assert type(translate(error)) is OutcomeUnknown


def test_all_are_one_family() -> None:
    assert all(issubclass(kind, StoreError) for kind in BY_SQLSTATE.values())
    assert CLOSING.isdisjoint(BY_SQLSTATE)


def test_codes_of_our_own_are_those_that_sql_raises_and_the_readme_tells() -> None:
    ours = {code for code in BY_SQLSTATE if code.startswith("PD")}
    raised = {
        code
        for file in FUNCTIONS.glob("*.sql")
        for code in re.findall(r"errcode = '(PD\d+)'", file.read_text())
    }
    assert raised == ours
    if README.exists():
        assert set(re.findall(r"\bPD\d{3}\b", README.read_text())) == ours
    assert all(code in (errors.__doc__ or "") for code in ours)
