"""Rounds of faults: python -m verify --seconds 90 --rounds 3 --seed 7

A round's seed is the first one's plus its number, so a round that fails is repeated alone by its seed. Ends
with 1 when an invariant is violated.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from typing import TYPE_CHECKING

from verify import crashes, mutants, report, takeover
from verify.cluster import Options
from verify.faults import FAULTS
from verify.rounds import LEAST, Round

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="verify", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.randrange(1, 10**6))
    parser.add_argument("--seconds", type=float, default=90.0, help="of faults in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hours", type=float, help="go on for so long, however many rounds that is")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ingresses", type=int, default=1)
    parser.add_argument("--both", type=int, default=1, help="processes that are a worker and an ingress")
    parser.add_argument("--intensity", type=int, default=4, help="clients that begin programs")
    parser.add_argument("--least", type=float, default=LEAST, help="answers a second, or a round fails")
    parser.add_argument(
        "--faults", type=names_of(FAULTS), default=list(FAULTS), help="names, separated by commas"
    )
    known = [mutant.name for mutant in mutants.mutants()]
    parser.add_argument(
        "--mutants",
        nargs="?",
        type=names_of(known),
        const=known,
        help="break the engine: all mutants, or those named",
    )
    parser.add_argument("--crashes", action="store_true", help="a crash at every failpoint")
    parser.add_argument("--takeover", action="store_true", help="only measure how long others take to go on")
    options = parser.parse_args(arguments)
    logging.disable()  # replays say what the programs do wrong on purpose
    if options.takeover:
        sys.exit(takeover.main())
    if options.crashes:
        sys.exit(crashes.main(options.seed))
    if options.mutants:
        sys.exit(mutants.main(options.mutants, options.seed))
    sys.exit(0 if rounds(options) else 1)


def names_of(known: Collection[str]) -> Callable[[str], list[str]]:
    """Reads some of these, separated by commas. One that there is not must not just be left out."""

    def names(text: str) -> list[str]:
        given = text.split(",")
        unknown = [name for name in given if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(known)}")
        return given

    return names


def rounds(options: argparse.Namespace) -> bool:
    """Until one fails, or time is up."""
    total = report.Total()
    end = time.monotonic() + options.hours * 3600 if options.hours else None
    report.say(f"seed {options.seed}: {options.seconds:g} s of faults a round")
    number = 0
    while number < options.rounds if end is None else time.monotonic() < end:
        cluster = Options(options.workers, options.ingresses, options.both)
        seed = options.seed + number
        outcome = Round(
            seed,
            options.seconds,
            options.faults,
            cluster,
            options.intensity,
            least=options.least,
        ).run()
        total.add(outcome)
        report.tell(outcome)
        if not outcome.held:
            return False
        number += 1
    report.say(str(total))
    return True


if __name__ == "__main__":
    main()
