"""Run one ordeal, python -m tests.fuzz FILE, or many, python -m tests.fuzz --seconds 600 --seed 7

An ordeal is programs and what happens to them; a file holds one as JSON, as a failing test prints it. With
seconds, new ones are made up until one fails, which is shown and kept in ``ordeal-<seed>.json``. All of this
is in memory; ``python -m tests.engine.soak`` does it with real processes.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

from tests.fuzz.author import Author
from tests.fuzz.language import Ordeal, dump, load, show
from tests.fuzz.memory import endure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1, 10**6))
    parser.add_argument("--size", type=int, default=12, help="commands in each program, at most")
    options = parser.parse_args()
    if options.file is not None:
        sys.exit(0 if holds(load(options.file.read_text())) else 1)
    end, seed = time.monotonic() + options.seconds, options.seed
    while time.monotonic() < end:
        ordeal = Author(random.Random(seed), size=options.size).ordeal()
        if not holds(ordeal):
            file = Path(f"ordeal-{seed}.json")
            file.write_text(dump(ordeal))
            say(f"kept in {file}")
            sys.exit(1)
        seed += 1
    say(f"all {seed - options.seed} hold, from seed {options.seed}")


def holds(ordeal: Ordeal) -> bool:
    """Whether it does. If not, it is shown."""
    try:
        endure(ordeal)
    except Exception:  # noqa: BLE001 (whatever is wrong is to be shown)
        say(show(ordeal))
        traceback.print_exc()
        return False
    return True


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 (a command)


if __name__ == "__main__":
    main()
