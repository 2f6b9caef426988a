"""Looks up what is not remembered of keys: whether they are free, and their state.

A look costs a round trip, with all that are wanted in it, and no flush of the log.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pgdurable.engine.remembered import LARGE
from pgdurable.store import verbs
from pgdurable.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pgdurable.engine.remembered import Key, State
    from pgdurable.store.lane import Lane

log = logging.getLogger("pgdurable.worker")


class Looker:
    """``answer`` is given the state of a key that is free; None of one that is not, or has too much of it, or
    cannot be looked up.
    """

    def __init__(self, lane: Lane, answer: Callable[[Key, State | None], None]) -> None:
        self._lane = lane
        self._answer = answer
        self._wanted: list[Key] = []
        self._wake = asyncio.Event()

    def want(self, key: Key) -> None:
        """Look this up."""
        self._wanted.append(key)
        self._wake.set()

    async def run(self) -> None:
        """Look up, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            keys, self._wanted = self._wanted, []
            for key, state in (await self._look(keys)).items():
                self._answer(key, state)

    async def _look(self, keys: list[Key]) -> Mapping[Key, State | None]:
        try:
            return await verbs.free_states(self._lane, keys, LARGE)
        except StoreError as error:
            log.debug("keys could not be looked up: %s", error)
            return dict.fromkeys(keys)
