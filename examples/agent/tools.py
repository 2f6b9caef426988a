"""What the assistant can do. Bookings are lines in bookings.txt."""

import time
from pathlib import Path

from pgdurable import TerminalError

BOOKINGS = Path("bookings.txt")
SKIES = {"Rome": "sunny", "Oslo": "snowing", "Lima": "foggy", "Paris": "raining"}


def weather(city: str) -> str:
    """Raises TerminalError (404) for a city that is not on the map."""
    time.sleep(0.2)
    if city not in SKIES:
        raise TerminalError(f"there is no {city} on the map", 404)
    return f"It is {SKIES[city]} in {city}."


def book(city: str, booking_id: str) -> str:
    """Buy a ticket, once for each id."""
    time.sleep(0.2)
    if not (BOOKINGS.exists() and booking_id in BOOKINGS.read_text()):
        with BOOKINGS.open("a") as bookings:
            bookings.write(f"{booking_id} a ticket to {city}\n")
    return f"I have booked a ticket to {city}."
