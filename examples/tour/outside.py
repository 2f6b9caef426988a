"""The world outside, played by two functions: a payment provider and a mail server.

They print what a real one would do. With TOUR_LEDGER they also write it into that file, a line for each thing
done, so that one can see what was done twice and what was not, even by a process that was killed. With
TOUR_SECONDS they take that long, which leaves time to kill it.
"""

import asyncio
import os
from pathlib import Path

LEDGER = os.environ.get("TOUR_LEDGER")
SECONDS = float(os.environ.get("TOUR_SECONDS", "0"))

charged: set[str] = set()


async def charge(idempotency_key: str, amount: int) -> bool:
    """Charge a card, once for each idempotency key however often it is asked to. True if that worked."""
    await asyncio.sleep(SECONDS)
    if idempotency_key in charged or f"charge {idempotency_key} " in written():
        print(f"payment provider: {idempotency_key} is charged already")
        return True
    charged.add(idempotency_key)
    write(f"charge {idempotency_key} {amount} dollars")
    return True


async def send_email(user_id: str, text: str) -> None:
    """Send an e-mail. A mail server knows no idempotency keys: each call is an e-mail."""
    await asyncio.sleep(SECONDS)
    write(f"email {user_id}: {text}")


def write(line: str) -> None:
    print(line)
    if LEDGER:
        with Path(LEDGER).open("a") as ledger:
            ledger.write(f"{line}\n")


def written() -> str:
    return Path(LEDGER).read_text() if LEDGER and Path(LEDGER).exists() else ""
