"""The comparison as a picture: how many times as many requests pgdurable did, written as SVG by hand.

One panel for each number of clients, one group of bars for each workload, one bar for each peer. The scale is
logarithmic: twice as fast is as far above the line of 1 as half as fast is below it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from xml.sax.saxutils import escape

PANEL_HEIGHT, PANEL_GAP = 170, 62
LEFT, TOP, RIGHT = 52, 58, 14
BAR_WIDTH, GROUP_GAP = 16, 22
COLOURS = ("#336791", "#e08e45", "#7aa874", "#a0568f", "#888888")
TICKS: tuple[float, ...] = (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
TARGET = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """pgdurable against one peer under one load."""

    workload: str
    clients: int
    peer: str
    ratio: float


def draw(bars: Sequence[Bar]) -> str:
    """The text of an SVG file."""
    loads = sorted({bar.clients for bar in bars})
    workloads = list(dict.fromkeys(bar.workload for bar in bars))
    peers = list(dict.fromkeys(bar.peer for bar in bars))
    scale = _Scale.around(bar.ratio for bar in bars)
    group = len(peers) * BAR_WIDTH + GROUP_GAP
    width = LEFT + max(len(workloads) * group, 420) + RIGHT
    height = TOP + len(loads) * (PANEL_HEIGHT + PANEL_GAP)
    parts = [_text(LEFT, 20, "pgdurable: times as many requests/s as", size=14), *_legend(peers)]
    for number, clients in enumerate(loads):
        top = TOP + 20 + number * (PANEL_HEIGHT + PANEL_GAP)
        parts.append(_text(LEFT, top - 8, f"{clients} client{'s' if clients > 1 else ''}", size=12))
        parts += _axis(scale, top, width)
        for place, workload in enumerate(workloads):
            left = LEFT + place * group + GROUP_GAP / 2
            middle = left + len(peers) * BAR_WIDTH / 2
            parts.append(_text(middle, top + PANEL_HEIGHT + 16, workload, anchor="middle"))
            for bar in bars:
                if (bar.workload, bar.clients) == (workload, clients):
                    parts += _bar(bar, scale, top, left + peers.index(bar.peer) * BAR_WIDTH, peers)
    size = f'width="{width}" height="{height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">\n'
        f'<rect {size} fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    lowest: float
    highest: float

    @classmethod
    def around(cls, ratios: Iterable[float]) -> "_Scale":
        """From one tick to another, with 1 and the target between them."""
        all_ratios = [1.0, TARGET * 1.01, *ratios]
        lowest = max((tick for tick in TICKS if tick <= min(all_ratios)), default=TICKS[0])
        highest = min((tick for tick in TICKS if tick >= max(all_ratios)), default=TICKS[-1])
        return cls(lowest, highest)

    def height(self, ratio: float) -> float:
        """Above the bottom of a panel."""
        inside = min(max(ratio, self.lowest), self.highest)
        return PANEL_HEIGHT * log(inside / self.lowest) / log(self.highest / self.lowest)

    def ticks(self) -> list[float]:
        return [tick for tick in TICKS if self.lowest <= tick <= self.highest]


def _axis(scale: _Scale, top: float, width: float) -> Iterable[str]:
    looks: dict[float, str] = {1: 'stroke="#444"', TARGET: 'stroke="#b22" stroke-dasharray="5 4"'}
    for tick in scale.ticks():
        y = top + PANEL_HEIGHT - scale.height(tick)
        look = looks.get(tick, 'stroke="#ddd"')
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{width - RIGHT}" y2="{y:.1f}" {look}/>'
        yield _text(LEFT - 6, y + 4, f"{tick:g}×", anchor="end")  # noqa: RUF001 - the sign for "times"


def _bar(bar: Bar, scale: _Scale, top: float, left: float, peers: Sequence[str]) -> Iterable[str]:
    ends = sorted((scale.height(1), scale.height(bar.ratio)))
    y, height = top + PANEL_HEIGHT - ends[1], max(ends[1] - ends[0], 1)
    tip = escape(f"{bar.workload}, {bar.clients} clients, {bar.peer}: {bar.ratio:.2f}")
    yield (
        f'<rect class="bar" x="{left:.1f}" y="{y:.1f}" width="{BAR_WIDTH - 2}" height="{height:.1f}" '
        f'fill="{_colour(bar.peer, peers)}"><title>{tip}</title></rect>'
    )
    yield _text(left + BAR_WIDTH / 2 - 1, y - 3, _short(bar.ratio), size=8, anchor="middle")


def _legend(peers: Sequence[str]) -> Iterable[str]:
    left = float(LEFT)
    for peer in peers:
        yield f'<rect x="{left}" y="32" width="11" height="11" fill="{_colour(peer, peers)}"/>'
        yield _text(left + 16, 42, peer)
        left += 34 + 7 * len(peer)


def _colour(peer: str, peers: Sequence[str]) -> str:
    return COLOURS[peers.index(peer) % len(COLOURS)]


def _short(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"


def _text(x: float, y: float, text: str, *, size: int = 11, anchor: str = "start") -> str:
    look = f'font-size="{size}" text-anchor="{anchor}" fill="#222"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(text)}</text>'
