"""The command line: ``python -m benchmarks``."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks import report
from benchmarks.growth import GROWTH, Conditions, Finding
from benchmarks.install import InstallError
from benchmarks.load import LoadError, find_wrk
from benchmarks.machine import commit, describe
from benchmarks.options import parse
from benchmarks.peers import PEERS
from benchmarks.process import PeerError
from benchmarks.run import Measurement, Plan, measure, stop_on_signals
from benchmarks.workloads import WORKLOADS


def main() -> int:
    """Measure what was asked for, print the tables and keep them; not 0 if anything went wrong."""
    stop_on_signals()
    options = parse(sys.argv[1:])
    try:
        find_wrk()
        plan = _plan(options)
    except (InstallError, LoadError) as error:
        return _fail(error)
    run, trouble = _run(options, plan)
    if run.measurements or run.findings:
        print(run.markdown())
    if trouble:  # what was measured until then is worth a look, but not worth keeping
        return _fail(trouble)
    report.write(run, options.json)
    if options.update:
        report.update(options.update, run)
    return 1 if any(line.errors for line in run.lines()) else 0


def _fail(reason: BaseException) -> int:
    told = "" if isinstance(reason, SystemExit) else str(reason)
    print(f"error: {told}" if told else "interrupted", file=sys.stderr)
    return 1


def _plan(options: argparse.Namespace) -> Plan:
    peers = [PEERS[name]() for name in options.peer] if options.workload else []
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


def _run(options: argparse.Namespace, plan: Plan) -> tuple[report.Run, BaseException | None]:
    run = report.Run(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=commit(),
        seconds=plan.seconds,
        rounds=plan.rounds,
        machine=describe(plan.disk),
        versions={peer.name: peer.versions() for peer in plan.peers or [PEERS[report.OURS]()]},
        measurements=(),
    )
    conditions = Conditions(plan.seconds, plan.warm_up_seconds, plan.disk, options.scale)
    trouble: BaseException | None = None
    measurements: list[Measurement] = []
    findings: list[Finding] = []
    try:
        with closing(measure(plan)) as made:
            for each in made:
                measurements.append(each)
                _show(each)
        for finding in _findings(options.growth, conditions):
            findings.append(finding)
            print(finding, file=sys.stderr)
    except (KeyboardInterrupt, SystemExit, LoadError, PeerError) as error:  # SystemExit: a polite kill
        trouble = error
    return replace(run, measurements=measurements, findings=findings), trouble


def _findings(names: list[str], conditions: Conditions) -> Iterator[Finding]:
    for name in names:
        yield from GROWTH[name](conditions)


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


if __name__ == "__main__":
    sys.exit(main())
