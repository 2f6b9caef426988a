"""What an action is aimed at."""

from __future__ import annotations

import click
import pytest

from pgdurable_cli.targets import OneInvocation, Target, parse


@pytest.mark.parametrize(
    ("query", "aim"),
    [
        ("inv_1abc", OneInvocation("inv_1abc")),
        ("Cart", Target("Cart")),
        ("Cart/", Target("Cart")),
        ("Cart/Mary", Target("Cart", key_or_handler="Mary")),
        ("Cart/Mary/add", Target("Cart", key="Mary", handler="add")),
        ("Cart/a/b/add", Target("Cart", key="a/b", handler="add")),
    ],
)
def test_parse(query: str, aim: object) -> None:
    assert parse(query) == aim


@pytest.mark.parametrize("query", ["", "/", "/add"])
def test_neither_an_id_nor_a_target(query: str) -> None:
    with pytest.raises(click.BadParameter, match="neither an invocation id nor"):
        parse(query)
