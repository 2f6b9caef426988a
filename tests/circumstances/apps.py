"""What the processes serve: all of it, or the programs and their targets apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pgdurable
from tests.circumstances import targets as their_targets
from tests.circumstances.programs import ALL

if TYPE_CHECKING:
    from pgdurable.loader import Definition

services: list[Definition] = []
for module in ALL:
    services += module.SERVICES

callers = pgdurable.app(services)
targets = pgdurable.app(their_targets.SERVICES)
whole = pgdurable.app([*callers.services, *targets.services])
