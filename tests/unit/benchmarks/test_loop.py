"""Load from within a process: what is counted, and how it is asked for."""

from __future__ import annotations

import asyncio

from benchmarks.apps.loop import closed_loop, summary


async def test_so_many_requests_are_under_way_at_once() -> None:
    under_way = most = 0

    async def request() -> bool:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return True

    result = await closed_loop(request, clients=3, seconds=0.01)

    assert most == 3
    assert result["good"] >= 3
    assert result["errors"] == 0


async def test_wrong_answers_and_exceptions_are_errors() -> None:
    answers = iter([True, False])

    async def request() -> bool:
        return next(answers)  # and then there are no more

    result = await closed_loop(request, clients=3, seconds=1e-9)

    assert (result["good"], result["errors"]) == (1, 2)


async def test_what_takes_longer_than_the_time_counts_with_the_time_it_took() -> None:
    async def request() -> bool:
        await asyncio.sleep(0.02)
        return True

    result = await closed_loop(request, clients=2, seconds=0.001)

    assert result["good"] == 2
    assert result["seconds"] >= 0.02


def test_latencies_are_milliseconds_of_the_good_ones() -> None:
    result = summary(2.0, [number / 1000 for number in range(1, 101)], errors=1)

    assert (result["p50_ms"], result["p99_ms"]) == (51, 100)


def test_without_a_good_answer_there_are_no_latencies() -> None:
    assert summary(2.0, [], errors=1) == {"seconds": 2.0, "good": 0, "errors": 1, "p50_ms": 0, "p99_ms": 0}
