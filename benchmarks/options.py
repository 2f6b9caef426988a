"""What can be asked for on the command line."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.growth import GROWTH
from benchmarks.install import CACHE
from benchmarks.peers import BY_DEFAULT, PEERS
from benchmarks.workloads import WORKLOADS

QUICK = {"rounds": 1, "seconds": 2, "warm_up": 1, "sleepers": 1000, "scale": 0.01, "clients": [32]}
"""What ``--quick`` changes of the defaults: enough to see that all of it works, too little to be quoted."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options. Whoever names workloads or peers wants the comparison, whoever names growth wants that."""
    parser = _parser()
    if parser.parse_args(arguments).quick:
        parser.set_defaults(**QUICK)
    options = parser.parse_args(arguments)
    comparison = options.workload is not None or options.peer is not None
    growth = options.growth is not None
    if options.workload is None:
        options.workload = list(WORKLOADS) if comparison or not growth else []
    if options.growth is None:
        options.growth = [] if comparison else list(GROWTH)
    options.peer = options.peer or BY_DEFAULT
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Put pgdurable and its peers under the same load, in turns, and compare them; then see "
        "how pgdurable's cost grows. Naming workloads or peers leaves growth out, and the other way round.",
    )
    add = parser.add_argument
    add("--workload", type=_names(WORKLOADS), help="all, or some of " + ",".join(WORKLOADS))
    add("--peer", type=_names(PEERS), help="all, or some of " + ",".join(PEERS))
    add("--growth", type=_names(GROWTH), help="all, or some of " + ",".join(GROWTH))
    add("--quick", action="store_true", help="a few minutes: one short round at 32 clients, small sizes")
    add("--clients", type=_numbers, default=[1, 32, 128], help="default: 1,32,128")
    add("--sleepers", type=int, default=50_000, help="at most (default: 50000; fewer of peers that cannot)")
    add("--scale", type=float, default=1.0, help="of the sizes of growth (default: 1)")
    add("--seconds", type=int, default=5, help="of each measurement (default: 5)")
    add("--warm-up", type=int, default=2, help="seconds of the same load before each (default: 2)")
    add("--rounds", type=int, default=3, help="how often all is compared (default: 3)")
    # /tmp may be in memory, where durability costs nothing; /var/tmp is on a disk by convention.
    disk = Path("/var/tmp")
    add("--disk", type=Path, default=disk, help="where the peers keep their data (default: /var/tmp)")
    last = CACHE / "last.json"
    add("--json", type=Path, default=last, help="the result; tables and chart go beside it as .md and .svg")
    add(
        "--update",
        type=Path,
        metavar="PAGE",
        help="put what was measured into this page: docs/performance.md",
    )
    return parser


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        if text == "all":
            return list(known)
        chosen = [name.strip() for name in text.split(",")]
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(known)}")
        return chosen

    return names


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]
