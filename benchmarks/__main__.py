"""The command line: ``python -m benchmarks``."""

import argparse
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import report
from benchmarks.install import CACHE, InstallError
from benchmarks.load import LoadError, find_wrk
from benchmarks.machine import commit, describe
from benchmarks.peers import PEERS
from benchmarks.process import PeerError
from benchmarks.run import Measurement, Plan, measure, stop_on_signals
from benchmarks.workloads import WORKLOADS


def main() -> int:
    """Measure what was asked for, print the table and keep it; not 0 if anything went wrong."""
    stop_on_signals()
    options = _parser().parse_args()
    try:
        plan = _plan(options)
    except (InstallError, LoadError) as error:
        return _fail(error)
    run, trouble = _run(plan)
    if run.measurements:
        print(run.markdown())
    if trouble:  # what was measured until then is worth a look, but not worth keeping
        return _fail(trouble)
    report.write(run, options.json)
    if options.update:
        report.update(options.update, run)
    return 1 if any(line.errors for line in run.lines()) else 0


def _fail(reason: BaseException) -> int:
    print(f"error: {reason}" if str(reason) else "interrupted", file=sys.stderr)
    return 1


def _plan(options: argparse.Namespace) -> Plan:
    find_wrk()
    peers = [PEERS[name]() for name in options.peer]
    for peer in peers:
        peer.install()
    return Plan(
        peers=peers,
        workloads=[WORKLOADS[name] for name in options.workload],
        clients=options.clients,
        sleepers=options.sleepers,
        seconds=options.seconds,
        warm_up_seconds=options.warm_up,
        rounds=options.rounds,
        disk=options.disk,
    )


def _run(plan: Plan) -> tuple[report.Run, BaseException | None]:
    date, machine = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), describe(plan.disk)
    measurements: list[Measurement] = []
    trouble: BaseException | None = None
    try:
        with closing(measure(plan)) as made:
            for each in made:
                measurements.append(each)
                _show(each)
    except (KeyboardInterrupt, LoadError, PeerError) as error:
        trouble = error
    run = report.Run(
        date=date,
        commit=commit(),
        seconds=plan.seconds,
        rounds=plan.rounds,
        machine=machine,
        versions={peer.name: peer.versions() for peer in plan.peers},
        measurements=measurements,
    )
    return run, trouble


def _show(each: Measurement) -> None:
    sample = each.sample
    cpu = each.cpu_us()
    print(
        f"{each.workload:8} {each.clients:6} clients, round {each.round}, {each.peer:12}"
        f"{sample.rate:9,.0f} requests/s  p50 {sample.p50_ms:.1f} ms  p99 {sample.p99_ms:.1f} ms"
        + (f"  CPU {cpu[0]:.0f} + {cpu[1]:.0f} us" if cpu else "")
        + (f"  {sample.note}" if sample.note else "")
        + (f"  {sample.errors} ERRORS" if sample.errors else ""),
        file=sys.stderr,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Put pgdurable and its peers under the same HTTP load, in turns, and compare them.",
    )
    add = parser.add_argument
    add("--workload", type=_names(WORKLOADS), default=list(WORKLOADS), help="default: " + ",".join(WORKLOADS))
    add("--peer", type=_names(PEERS), default=list(PEERS), help="default: " + ",".join(PEERS))
    add("--clients", type=_numbers, default=[1, 32, 128], help="default: 1,32,128")
    add("--sleepers", type=int, default=50_000, help="at most (default: 50000; fewer of peers that cannot)")
    add("--seconds", type=int, default=5, help="of each measurement (default: 5)")
    add(
        "--warm-up", type=int, default=2, help="seconds of the same load before each measurement (default: 2)"
    )
    add("--rounds", type=int, default=3, help="how often everything is measured (default: 3)")
    # /tmp may be in memory, where durability costs nothing; /var/tmp is on a disk by convention.
    add(
        "--disk",
        type=Path,
        default=Path("/var/tmp"),
        help="where the peers keep their data (default: /var/tmp)",
    )
    add("--json", type=Path, default=CACHE / "last.json", help="the result; a table goes beside it as .md")
    add(
        "--update",
        type=Path,
        metavar="PAGE",
        help="put the table into this page, such as docs/performance.md",
    )
    return parser


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",")]
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(known)}")
        return chosen

    return names


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
