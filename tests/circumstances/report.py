"""What came of a program in a circumstance: plain data, to be compared with what was expected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Report:
    """One program that has ended, however."""

    name: str
    came: Any
    """What its outside brought back."""
    error: str
    """Why nothing came out, if so: the traceback."""
    journal: list[str] = field(default_factory=list[str])
    """Commands of its own invocation, without Input and Output."""
    did: Counter[str] = field(default_factory=Counter[str])
    """How often each effect happened."""
    saw: list[Any] = field(default_factory=list[Any])
    """What its attempts were given, in the order in which they said so."""
    attempts: int = 0
    story: str = ""
    """All of it, for whoever has to find out why."""
