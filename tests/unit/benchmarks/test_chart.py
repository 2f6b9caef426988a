"""The chart: every comparison is a bar, and a faster one is a longer one."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmarks.chart import Bar, draw

SVG = "{http://www.w3.org/2000/svg}"


def bars(*drawn: Bar) -> dict[str, ElementTree.Element]:
    """The rectangles by what they say when one points at them."""
    found = ElementTree.fromstring(draw(drawn)).iter(f"{SVG}rect")
    return {each.findtext(f"{SVG}title") or "": each for each in found if each.get("class") == "bar"}


def test_every_comparison_is_a_bar() -> None:
    drawn = bars(
        Bar("echo", 32, "restate", 5.0), Bar("echo", 128, "restate", 6.0), Bar("send", 32, "restate-ts", 2.0)
    )

    assert list(drawn) == [
        "echo, 32 clients, restate: 5.00",
        "send, 32 clients, restate-ts: 2.00",
        "echo, 128 clients, restate: 6.00",
    ]


def test_twice_as_fast_is_as_far_above_the_line_as_half_as_fast_is_below() -> None:
    faster, slower = bars(Bar("echo", 32, "a", 2.0), Bar("echo", 32, "b", 0.5)).values()

    assert faster.get("height") == slower.get("height")
    line = float(faster.get("y", "")) + float(faster.get("height", ""))
    assert abs(line - float(slower.get("y", ""))) < 0.2


def test_peers_have_colours_of_their_own() -> None:
    one, other, again = bars(
        Bar("echo", 32, "a", 2.0), Bar("echo", 32, "b", 3.0), Bar("send", 32, "a", 4.0)
    ).values()

    assert one.get("fill") == again.get("fill") != other.get("fill")


def test_names_are_text_and_not_markup() -> None:
    assert list(bars(Bar("<echo>", 1, "a&b", 2.0))) == ["<echo>, 1 clients, a&b: 2.00"]


def test_a_ratio_beyond_the_scale_ends_at_its_edge() -> None:
    (bar,) = bars(Bar("echo", 1, "a", 1e6)).values()

    assert float(bar.get("height", "")) < 1000
