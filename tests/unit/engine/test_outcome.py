"""What an error says reaches the database, whatever it says."""

from __future__ import annotations

import pytest

from pgdurable_sdk.journal import commands
from pgdurable_sdk.journal.commands import sayable


@pytest.mark.parametrize(
    ("said", "stored"),
    [("plain", "plain"), ("zürich ✓", "zürich ✓"), ("a\0b", "a\\x00b"), ("a\ud800b", "a\\ud800b")],
)
def test_messages_are_made_sayable(said: str, stored: str) -> None:
    assert sayable(said) == stored
    stored.encode()


def test_a_terminal_error_may_say_anything() -> None:
    assert commands.failure(500, "a\ud800b") == b'{"code":500,"message":"a\\\\ud800b"}'
