"""Clients over HTTP, which ask again until they have an answer, as anybody with an idempotency key may."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.upgrade.crew import Member

CALLERS = 4
PATIENCE = 120.0
REFUSED_FOR_GOOD = (400, 404, 409)


class Load:
    """Runs in threads from its making until `stop`."""

    def __init__(self, members: Callable[[], list[Member]]) -> None:
        self.answers: dict[str, str] = {}
        self.asked: dict[str, int] = {}
        self.broken: list[str] = []
        self._members = members
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def more(self, number: int) -> None:
        """Wait for so many more answers."""
        enough = len(self.answers) + number
        deadline = time.monotonic() + PATIENCE
        while len(self.answers) < enough:
            assert not self.broken, self.broken[0]
            assert time.monotonic() < deadline, f"{len(self.answers)} answers, not {enough}"
            time.sleep(0.01)

    def stop(self) -> None:
        """When all have their last answer."""
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not self.broken, self.broken[0]

    def _call(self, caller: int) -> None:
        turn = 0
        with httpx.Client(timeout=20) as http:
            while not self._over.is_set():
                turn += 1
                key = f"{caller}-{turn}-{turn % 3}"
                try:
                    self.answers[key] = self._answer(http, key)
                except AssertionError as error:
                    self.broken.append(str(error))
                    return

    def _answer(self, http: httpx.Client, key: str) -> str:
        deadline = time.monotonic() + PATIENCE
        said = ""
        while time.monotonic() < deadline:
            members = self._members()
            self.asked[key] = self.asked.get(key, -1) + 1
            member = members[(hash(key) + self.asked[key]) % len(members)]
            try:
                answer = http.post(f"{member.url}/Errand/run", json=key, headers={"idempotency-key": key})
            except httpx.HTTPError as error:
                said = f"{type(error).__name__} of {member}"
            else:
                if answer.is_success:
                    return str(answer.json())
                said = f"{answer.status_code} of {member}: {answer.text}"
                assert answer.status_code not in REFUSED_FOR_GOOD, said
            time.sleep(0.1)
        raise AssertionError(f"{key} has no answer: {said}")
