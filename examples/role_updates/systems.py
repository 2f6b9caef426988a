"""Four systems with a list of users each, played by files: access-wiki.txt has a line for each grant.

They refuse what they do not know, and are down while there is a file access-wiki.down.
"""

import time
from pathlib import Path

from pgdurable import TerminalError

ALL = ["directory", "wiki", "payroll", "vpn"]

NOBODY = "nobody"
REFUSED = {("payroll", "intern"), ("vpn", "contractor")}


def current(system: str, user: str) -> str:
    """What somebody is there."""
    reach(system)
    log = Path(f"access-{system}.txt")
    lines = log.read_text().splitlines() if log.exists() else []
    roles = [line.split(" is ")[1] for line in lines if line.startswith(f"{user} is ")]
    return roles[-1] if roles else NOBODY


def grant(system: str, user: str, role: str) -> None:
    """Make somebody this there. Raises TerminalError (403) if that cannot be."""
    reach(system)
    if (system, role) in REFUSED:
        raise TerminalError(f"{system} does not let in anybody who is {role}", 403)
    with Path(f"access-{system}.txt").open("a") as log:
        log.write(f"{user} is {role}\n")


def reach(system: str) -> None:
    time.sleep(0.05)
    if Path(f"access-{system}.down").exists():
        raise ConnectionError(f"{system} is down")
