"""Deployments: versions of an application's code, each with an id.

What an invocation has journaled is replayed by the deployment that began it. A process whose code changes all
the time belongs to no version: what it begins goes on with whatever code is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

UNVERSIONED_ID: Final = "dp_development"
ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A version of the code, or none. Raises ``ValueError`` for what cannot be an id."""

    id: str
    versioned: bool = True

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise ValueError(
                f"{self.id!r} cannot be the id of a deployment: letters, digits, '.', '_', ':', '+' and '-' "
                "only, beginning with a letter or a digit, at most 100"
            )
        if self.versioned and self.id == UNVERSIONED_ID:
            raise ValueError(f"{UNVERSIONED_ID} is what has no versions; take another id")

    def __str__(self) -> str:
        return self.id


UNVERSIONED: Final = Deployment(UNVERSIONED_ID, versioned=False)
