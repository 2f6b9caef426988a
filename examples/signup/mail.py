"""A mail server, played by a file: each line of mailbox.txt is a mail that was delivered.

As many do, it turns the first mail to an unknown address away ("greylisting"): spam does not come back, who
is serious does.
"""

import time
from pathlib import Path

MAILBOX = Path("mailbox.txt")

known: set[str] = set()


def send(to: str, subject: str, text: str) -> None:
    """Deliver a mail. There are no idempotency keys: each call that succeeds is a mail."""
    time.sleep(0.1)
    if to not in known:
        known.add(to)
        raise ConnectionError(f"451 {to} is greylisted, try again later")
    with MAILBOX.open("a") as mailbox:
        mailbox.write(f"to {to}: {subject}: {text}\n")
