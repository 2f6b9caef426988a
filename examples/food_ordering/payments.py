"""A payment provider, played by a file: each line of payments.txt is money that moved, once for each id."""

import time
from pathlib import Path

from pgdurable import TerminalError

BOOKS = Path("payments.txt")
LIMIT = 100


def charge(payment_id: str, customer: str, amount: int) -> None:
    """Take money. Raises TerminalError (402) if the card is declined."""
    if amount > LIMIT:
        raise TerminalError(f"the card of {customer} was declined", 402)
    book(f"charge {payment_id} {customer} {amount}")


def refund(payment_id: str) -> None:
    """Give money back, if it was taken."""
    if BOOKS.exists() and f"charge {payment_id}" in BOOKS.read_text():
        book(f"refund {payment_id}")


def book(line: str) -> None:
    time.sleep(0.1)
    if not (BOOKS.exists() and line in BOOKS.read_text()):
        with BOOKS.open("a") as books:
            books.write(f"{line}\n")
