"""Ids: there and back, and what is said of a wrong one."""

from __future__ import annotations

import base64
import itertools
import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdurable_sdk import ids

SOME = UUID("01a1f921-d28e-7abc-95b8-5d42908dc394")
TEXT = "inv_1cLRJlHhaJ7B4wIepb84sEocuFslTYMY1P"

any_id = st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number))


@given(any_id)
def test_text_form_and_back(id: UUID) -> None:
    text = ids.format_id(id)
    assert re.fullmatch(r"inv_1[0-9a-zA-Z]{33}", text)
    assert ids.parse_id(text) == id


def test_the_text_form_stays_as_it_is() -> None:
    assert ids.format_id(SOME) == TEXT


def test_raw_form() -> None:
    raw = ids.raw_id(SOME)
    assert raw[:8].hex() == "abc" + "85d42908dc394"
    assert raw[8:] == SOME.bytes


@given(any_id, st.integers(17, 2**31 - 1))
def test_awakeable_ids_and_back(id: UUID, signal: int) -> None:
    text = ids.awakeable_id(id, signal)
    assert text.startswith("sign_1")
    assert "=" not in text
    assert ids.parse_awakeable_id(text) == (id, signal)


def mistyped(text: str, at: int) -> str:
    return text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]


@pytest.mark.parametrize("at", range(5, 30))
def test_a_mistyped_id_is_refused(at: int) -> None:
    with pytest.raises(ValueError, match="is not an invocation id"):
        ids.parse_id(mistyped(TEXT, at))


@pytest.mark.parametrize("at", range(30, 38))
def test_a_mistyped_time_makes_another_id(at: int) -> None:
    assert ids.parse_id(mistyped(TEXT, at)) != SOME


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "should begin with 'inv_1'"),
        ("sign_1abc", "should begin with 'inv_1'"),
        (TEXT[:-1], "37 characters, not 38"),
        (TEXT[:-1] + "_", "'_' cannot be part of one"),
        (TEXT[:5] + "Z" * 11 + TEXT[16:], "too large"),
        (TEXT[:16] + "Z" * 22, "too large"),
        (TEXT[:5] + "0" * 11 + TEXT[16:], "disagree"),
    ],
)
def test_what_is_wrong_with_an_id_is_said(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        ids.parse_id(text)


def signed(data: bytes) -> str:
    return "sign_1" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TEXT, "should begin with 'sign_1'"),
        ("sign_1***", "not base64url"),
        ("sign_1a", "not base64url"),
        ("sign_1abcd", "3 bytes, not 28"),
        (signed(bytes(8) + SOME.bytes + b"\0\0\0\x11"), "disagree"),
        (signed(ids.raw_id(SOME) + b"\0\0\0\x01"), "reserved signal, 1"),
    ],
)
def test_what_is_wrong_with_an_awakeable_id_is_said(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        ids.parse_awakeable_id(text)


def test_new_ids_are_in_order_and_in_their_partition() -> None:
    made = [ids.new_id(0xABC) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all((id.version, id.int >> 64 & 0xFFF, id.variant) == (7, 0xABC, SOME.variant) for id in made)
    disorder = sum(1 for a, b in itertools.pairwise(made) if a.int >> 80 > b.int >> 80)
    assert disorder == 0
    assert len({ids.new_id().int >> 64 & 0xFFF for _ in range(100)}) > 50


def test_derived_ids_are_a_function_of_the_target() -> None:
    def derive(*parts: str | None) -> UUID:
        service, key, handler, idempotency_key = parts
        assert service is not None
        return ids.derived_id("ik", service, key, handler, idempotency_key)

    targets = [
        ("S", None, "h", "k"),
        ("S", "", "h", "k"),
        ("S", "h", None, "k"),
        ("Sh", None, "", "k"),
        ("S", None, "hk", ""),
    ]
    assert len({derive(*target) for target in targets}) == len(targets)
    assert derive("S", "k", "h", "x") == derive("S", "k", "h", "x")
    assert derive("S", "k", "h", "x").version == 8
    assert ids.derived_id("wf", "S", "k", None, None) != ids.derived_id("ik", "S", "k", None, None)


@given(st.text(), st.text())
def test_derived_ids_lie_in_the_partition_of_their_key(key: str, idempotency_key: str) -> None:
    keyed = ids.derived_id("ik", "S", key, "h", idempotency_key)
    assert keyed.int >> 64 & 0xFFF == ids.partition_of(key)
    unkeyed = ids.derived_id("ik", "S", None, "h", idempotency_key)
    assert unkeyed.int >> 64 & 0xFFF == ids.partition_of(idempotency_key)
