"""The examples do the same each time: every handler is ended at each of its awaits and run again from its
journal. And time passes at once, so that a month of them can be seen.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from examples.agent import app as agent
from examples.agent import assistant, model, tools
from examples.fan_out import app as fan_out
from examples.fan_out import shops
from examples.food_ordering import app as food
from examples.food_ordering import delivery, kitchen, order, payments
from examples.payment_saga import app as saga
from examples.payment_saga import checkout, stock
from examples.payment_saga import payments as bank
from examples.periodic import app as periodic
from examples.periodic import job
from examples.rate_limit import app as rate_limit
from examples.rate_limit import mail as mass_mail
from examples.role_updates import app as roles
from examples.signup import app as signup
from examples.signup import mail
from pgdurable import TerminalError
from pgdurable.testing import Harness, harness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pgdurable import App

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def replayed(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[App], Awaitable[Harness]]]:
    """An app in which nothing outside fails and every await is a replay."""
    monkeypatch.chdir(tmp_path)
    for luck in (bank.weather, kitchen.luck, model.weather):
        monkeypatch.setattr(luck, "random", lambda: 1.0)
    async with AsyncExitStack() as stack:

        async def start(app: App) -> Harness:
            return await stack.enter_async_context(harness(app, always_replay=True, dsn=database))

        yield start


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def test_a_signup_takes_days(replayed: Callable[[App], Awaitable[Harness]]) -> None:
    env = await replayed(signup.app)
    await env.client.workflow_send(signup.run, "ann", signup.Registration("ann@example.com"))

    subjects: list[int] = []
    for _ in range(4):
        await env.advance(DAY + MINUTE)  # a day, and what it takes to try a mail again
        subjects.append(len(lines(mail.MAILBOX)))

    assert subjects == [2, 3, 3, 3], "a reminder a day, and then no more"
    token = lines(mail.MAILBOX)[0].split()[-1]
    with pytest.raises(TerminalError, match="has expired"):
        await env.client.workflow_call(signup.click, "ann", token)


async def test_a_daily_job_is_on_time_after_a_month(replayed: Callable[[App], Awaitable[Harness]]) -> None:
    env = await replayed(periodic.app)
    plan = job.Plan("Reports", "print", every=DAY, argument="the daily report")
    first = await env.client.object_call(job.start, "daily", plan)

    await env.advance(30 * DAY)

    running = await env.client.object_call(job.status, "daily", None)
    assert running is not None
    assert running.due == first + 30 * DAY
    assert running.runs == len(lines(periodic.PAPER)) == 30


async def test_a_checkout_is_undone_in_every_place(replayed: Callable[[App], Awaitable[Harness]]) -> None:
    env = await replayed(saga.app)
    await env.client.object_call(stock.restock, "teapot", 3)

    done = checkout.Order("ann", "teapot", 1, "Main Street")
    sent = await env.client.service_send(checkout.buy, done)
    await env.advance(timedelta(seconds=1))
    receipt = await sent.attach()
    assert lines(bank.BOOKS) == [f"charge {receipt.order_id} ann 20"]

    with pytest.raises(TerminalError, match="no carrier"):
        await env.client.service_call(checkout.buy, checkout.Order("bob", "teapot", 1, "The Moon"))
    assert [line.split()[0] for line in lines(bank.BOOKS)] == ["charge", "charge", "refund"]
    assert await env.client.object_call(stock.free, "teapot", None) == 2


async def test_a_role_is_taken_back(replayed: Callable[[App], Awaitable[Harness]]) -> None:
    env = await replayed(roles.app)

    with pytest.raises(TerminalError, match="vpn does not let in"):
        await env.client.object_call(roles.set_role, "ann", "contractor")

    assert lines(Path("access-wiki.txt")) == ["ann is contractor", "ann is nobody"]


async def test_an_order_is_delivered(replayed: Callable[[App], Awaitable[Harness]]) -> None:
    env = await replayed(food.app)
    await env.client.object_call(delivery.start_shift, "dora", "Berlin")
    sent = await env.client.object_send(order.place, "o-1", order.Basket("ann", "Berlin", ["soup"]))
    await env.settle()

    await env.client.resolve_awakeable(lines(kitchen.PRINTER)[0].split()[-1], None)
    await env.advance(delivery.DRIVE)

    assert await sent.attach() == "o-1 was delivered by dora"
    assert len(lines(payments.BOOKS)) == len(lines(kitchen.PRINTER)) == 1


async def test_shops_are_counted(
    replayed: Callable[[App], Awaitable[Harness]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shops, "SLOWEST", 0.01)
    env = await replayed(fan_out.app)

    chunks = await env.client.service_call(fan_out.count_in_chunks, 20)

    assert chunks == await env.client.service_call(fan_out.count_all, 20)


async def test_turns_are_waited_for(replayed: Callable[[App], Awaitable[Harness]]) -> None:
    env = await replayed(rate_limit.app)
    await env.client.service_call(rate_limit.announce, ["ann", "bob", "cid"])

    await env.advance(timedelta(seconds=1))

    assert sorted(line.split()[-1] for line in lines(mass_mail.MAILS)) == ["ann", "bob", "cid"]


async def test_nobody_agrees_for_a_day(replayed: Callable[[App], Awaitable[Harness]]) -> None:
    env = await replayed(agent.app)
    sent = await env.client.object_send(assistant.ask, "ann", "Book me a trip to Rome")

    await env.advance(DAY)

    assert await sent.attach() == "It is sunny in Rome. That is not allowed."
    assert lines(tools.BOOKINGS) == []
