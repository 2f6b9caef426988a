"""A signup is confirmed by a click, reminded of, and given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.signup import mail
from examples.signup.app import app
from tests.engine.watching import until
from tests.examples.conftest import Served, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import App


@pytest.fixture
async def served(serve: Callable[[App], Awaitable[Served]], monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(mail, "known", set[str]())
    return await serve(app)


def mails() -> list[str]:
    return mail.MAILBOX.read_text().splitlines() if mail.MAILBOX.exists() else []


async def token() -> str:
    first = (await until(mails, 60, "a mail"))[0]
    return first.rpartition(" ")[2]


async def test_a_click_confirms(served: Served) -> None:
    await served.send("Signup/ann/run", {"email": "ann@example.com"})
    link = await token()
    assert await served.call("Signup/ann/status") == "waiting for a click"

    assert await served.call("Signup/ann/click", link) == "thank you"

    assert await served.attach("Signup/ann") == "ann@example.com is confirmed"
    assert await served.call("Signup/ann/status") == "confirmed"
    assert [line.split(": ")[1] for line in mails()] == ["Please confirm your address", "Welcome!"]
    assert await served.call("Signup/ann/click", link) == "thank you", "people click twice"


async def test_a_wrong_link_is_refused(served: Served) -> None:
    await served.send("Signup/ann/run", {"email": "ann@example.com"})
    await token()

    with refused(403, "not the link"):
        await served.call("Signup/ann/click", "a guess")

    assert await served.call("Signup/ann/status") == "waiting for a click"


async def test_silence_is_reminded_of_and_given_up(served: Served) -> None:
    await served.send("Signup/bob/run", {"email": "bob@example.com", "remind_after": "PT0.1S"})

    with refused(410, "was not confirmed"):
        await served.attach("Signup/bob")

    assert [line.split(": ")[1] for line in mails()] == [
        "Please confirm your address",
        "Reminder",
        "Reminder",
    ]
    with refused(410, "has expired"):
        await served.call("Signup/bob/click", await token())


async def test_a_key_signs_up_once(served: Served) -> None:
    await served.send("Signup/ann/run", {"email": "ann@example.com"})

    with refused(409, ""):
        await served.call("Signup/ann/run", {"email": "somebody@example.com"})
