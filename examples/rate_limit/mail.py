"""A mail server that counts. Each mail is a line in mails.txt, with the second in which it came.

Whoever sends more than ten in a second is turned away.
"""

import time
from pathlib import Path

MAILS = Path("mails.txt")
PER_SECOND = 10

recent: list[float] = []


def send(to: str) -> None:
    """Deliver a mail. Raises ConnectionError if too many came within a second."""
    now = time.time()
    recent[:] = [at for at in recent if at > now - 1]
    if len(recent) >= PER_SECOND:
        raise ConnectionError("421 too many mails, slow down")
    recent.append(now)
    with MAILS.open("a") as mails:
        mails.write(f"{time.strftime('%H:%M:%S')} to {to}\n")
