"""A restaurant, played by a printer in its kitchen: each line of kitchen.txt is a slip of paper.

You are the cook: when it is ready, ring the bell that is on the slip. The printer jams now and then.
"""

import random
import time
from pathlib import Path

from pgdurable import TerminalError

PRINTER = Path("kitchen.txt")
MENU = {"pizza": 9, "soup": 6, "cake": 4}

luck = random.Random(1)  # seeded: it jams at the same times in each process


def price(dishes: list[str]) -> int:
    """Raises TerminalError (404) for what is not on the menu."""
    missing = [dish for dish in dishes if dish not in MENU]
    if missing or not dishes:
        raise TerminalError(f"there is no {' and no '.join(missing) or 'order without dishes'}", 404)
    return sum(MENU[dish] for dish in dishes)


def prepare(order: str, dishes: list[str], bell: str) -> None:
    """Have it cooked. The same slip is not printed twice."""
    print_slip(f"{order}: {', '.join(dishes)}. When ready, ring {bell}")


def forget(order: str) -> None:
    """It is not wanted any more, if it ever was."""
    if PRINTER.exists() and f"{order}: " in PRINTER.read_text():
        print_slip(f"{order}: forget it")


def print_slip(line: str) -> None:
    time.sleep(0.1)
    if luck.random() < 0.3:
        raise ConnectionError("the printer has a paper jam")
    if not (PRINTER.exists() and line in PRINTER.read_text()):
        with PRINTER.open("a") as printer:
            printer.write(f"{line}\n")
