"""The parts of the tour can be served, and its world outside behaves as such a world would."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.tour import outside
from pgdurable.loader import load_app

TOUR = Path(outside.__file__).parent


@pytest.mark.parametrize("file", sorted(TOUR.rglob("app.py")), ids=lambda file: str(file.relative_to(TOUR)))
def test_every_part_offers_the_same_handlers(file: Path) -> None:
    services = load_app(str(file)).services

    assert {service.name: set(service.handlers) for service in services} == {
        "CartObject": {"addTicket", "checkout", "expireTicket"},
        "TicketObject": {"reserve", "unreserve", "markAsSold"},
        "CheckoutService": {"handle"},
    }


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ledger.txt"
    monkeypatch.setattr(outside, "LEDGER", str(path))
    monkeypatch.setattr(outside, "charged", set[str]())
    return path


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


async def test_the_provider_charges_once_for_a_key(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await outside.charge("a", 40)
    assert await outside.charge("a", 40)
    assert await outside.charge("b", 80)

    assert lines(ledger) == ["charge a 40 dollars", "charge b 80 dollars"]
    assert "a is charged already" in capsys.readouterr().out


async def test_the_provider_knows_its_keys_after_a_restart(ledger: Path) -> None:
    await outside.charge("a", 40)
    outside.charged.clear()

    assert await outside.charge("a", 40)

    assert lines(ledger) == ["charge a 40 dollars"]


async def test_without_a_ledger_it_only_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(outside, "LEDGER", None)

    await outside.send_email("Mary", "hello")

    assert capsys.readouterr().out == "email Mary: hello\n"
