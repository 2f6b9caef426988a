"""Hints are packed into as few notifications as PostgreSQL allows, and the same one is sent once."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st

from pgdurable.engine.notifier import PAYLOAD_LIMIT, Notifier, payloads
from pgdurable.store.errors import Unavailable
from tests.engine.watching import until
from tests.unit.engine.stand_ins import ScriptedLane

LINES = st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), min_size=1, max_size=400))


def test_nothing_is_no_payload() -> None:
    assert payloads([]) == []


def test_what_fits_goes_together() -> None:
    assert payloads(["one", "two"]) == ["one\ntwo"]


def test_bytes_count_not_characters() -> None:
    lines = ["ü" * 1900] * 5
    assert [len(payload.encode()) <= PAYLOAD_LIMIT for payload in payloads(lines)] == [True] * 3


@given(LINES)
def test_all_lines_come_in_order_and_no_payload_is_too_long(lines: list[str]) -> None:
    packed = payloads(lines)
    assert list(chain.from_iterable(payload.split("\n") for payload in packed)) == lines
    assert all(len(payload.encode()) < 8000 for payload in packed)


@given(LINES)
def test_no_two_neighbours_would_fit_in_one(lines: list[str]) -> None:
    packed = payloads(lines)
    for first, second in pairwise(packed):
        head = second.split("\n", 1)[0]
        assert len(first.encode()) + 1 + len(head.encode()) + 1 > PAYLOAD_LIMIT


async def test_the_same_line_is_sent_once() -> None:
    lane = ScriptedLane()
    notifier = Notifier(lane.as_lane())
    for _ in range(3):
        notifier.send("all", "route Shop")
        notifier.send("one", "result 1")
    notifier.send("one", "result 2")
    await notifier.flush()
    assert lane.calls == [(("all", "one"), ("route Shop", "result 1\nresult 2"))]
    await notifier.flush()
    assert len(lane.calls) == 1


async def test_the_first_goes_at_once_and_what_follows_soon_together() -> None:
    lane = ScriptedLane()
    notifier = Notifier(lane.as_lane())
    running = asyncio.ensure_future(notifier.run())
    notifier.send("all", "route 0")
    await asyncio.sleep(0)
    assert len(lane.calls) == 1
    for number in range(1, 6):
        notifier.send("all", f"route {number}")
        await asyncio.sleep(0)
    await until(lambda: len(lane.calls) > 1, 1, "the others are sent")
    assert lane.calls[1] == (("all",), ("\n".join(f"route {number}" for number in range(1, 6)),))
    running.cancel()


async def test_a_hint_that_is_lost_is_lost() -> None:
    lane = ScriptedLane(deque([Unavailable("away")]))
    notifier = Notifier(lane.as_lane())
    notifier.send("all", "route Shop")
    await notifier.flush()
    notifier.send("all", "route Other")
    await notifier.flush()
    assert [call[1] for call in lane.calls] == [("route Shop",), ("route Other",)]
