"""Requests become rows and rows become answers: what lies between the ingress and the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from pgdurable.engine.headers import from_detail, to_detail
from pgdurable.engine.results import Result
from pgdurable.gateway import _merged, _result  # pyright: ignore[reportPrivateUsage]
from pgdurable.ingress import port
from pgdurable_sdk import ids

if TYPE_CHECKING:
    from uuid import UUID


@pytest.mark.parametrize(
    ("headers", "merged"),
    [
        ([], {}),
        ([("a", "1"), ("b", "2")], {"a": "1", "b": "2"}),
        ([("a", "1"), ("b", "2"), ("a", "3")], {"a": "1, 3", "b": "2"}),
        ([("a", ""), ("a", "")], {"a": ", "}),
    ],
)
def test_headers_that_come_several_times_are_one(
    headers: list[tuple[str, str]], merged: dict[str, str]
) -> None:
    assert _merged(headers) == merged


@pytest.mark.parametrize("headers", [{}, {"a": "1"}, {"name": 'quotes " and ü', "b": "\\"}])
def test_headers_are_stored_and_read(headers: dict[str, str]) -> None:
    assert from_detail(to_detail(headers)).headers == headers
    assert not from_detail(to_detail(headers)).encoded
    assert from_detail(to_detail(headers, encoded=True)).encoded
    assert (to_detail(headers) is None) == (not headers)


def test_a_success_is_its_bytes() -> None:
    assert _result(Result("success", b"\x00any")) == port.Success(b"\x00any")


def test_a_failure_is_its_code_and_message() -> None:
    value = msgspec.json.encode({"code": 409, "message": "killed"})
    assert _result(Result("failure", value)) == port.Failure(409, "killed", None)


def test_a_failure_keeps_its_metadata() -> None:
    value = msgspec.json.encode({"code": 500, "message": "no", "metadata": {"a": "1"}})
    assert _result(Result("failure", value)) == port.Failure(500, "no", {"a": "1"})


def derived(key: str | None = None, once: str | None = None, *, workflow: bool = False) -> UUID:
    return ids.invocation_id("Shop", "buy", key, once, workflow=workflow)


def test_ids_are_new_where_nothing_is_deduplicated() -> None:
    assert derived() != derived()
    assert derived("k") != derived("k")


def test_ids_are_derived_where_something_is() -> None:
    assert derived(once="1") == derived(once="1") != derived(once="2")
    assert derived("k", "1") == derived("k", "1") != derived("l", "1")
    assert derived("w", workflow=True) == derived("w", workflow=True) != derived("v", workflow=True)


def test_a_workflow_has_one_run_whatever_its_idempotency_key() -> None:
    assert derived("w", "1", workflow=True) == derived("w", "2", workflow=True) == derived("w", workflow=True)


def test_ids_lie_near_the_rows_of_their_key() -> None:
    partition = (derived("k").int >> 64) & 0xFFF
    assert partition == ids.partition_of("k")
    assert {(derived("k", str(number)).int >> 64) & 0xFFF for number in range(5)} == {partition}
