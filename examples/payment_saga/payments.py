"""A payment provider, played by a file: each line of payments.txt is money that moved.

It recognises a payment by its id, so to ask again is safe. And that is needed: now and then it takes the
money and its answer gets lost, the worst that a network can do.
"""

import random
import time
from pathlib import Path

from pgdurable import TerminalError

BOOKS = Path("payments.txt")
LIMIT = 1000

weather = random.Random(1)  # seeded: the same weather in each process


def charge(payment_id: str, customer: str, amount: int) -> None:
    """Take money, once for each id. Raises TerminalError (402) if the card is declined."""
    time.sleep(0.1)
    if amount > LIMIT:
        raise TerminalError(f"the card of {customer} was declined", 402)
    if not booked("charge", payment_id):
        book(f"charge {payment_id} {customer} {amount}")
    lose_the_answer_sometimes()


def refund(payment_id: str) -> None:
    """Give money back, once, if it was taken."""
    time.sleep(0.1)
    if booked("charge", payment_id) and not booked("refund", payment_id):
        book(f"refund {payment_id}")
    lose_the_answer_sometimes()


def lose_the_answer_sometimes() -> None:
    if weather.random() < 0.3:
        raise TimeoutError("the payment provider did not answer")


def booked(what: str, payment_id: str) -> bool:
    return BOOKS.exists() and f"{what} {payment_id}" in BOOKS.read_text()


def book(line: str) -> None:
    with BOOKS.open("a") as books:
        books.write(f"{line}\n")
