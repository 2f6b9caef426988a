"""The programs of tests/fuzz. What they see and do is in the ledger, for the test to read."""

from __future__ import annotations

import os
from pathlib import Path

from tests.engine.ledger import VARIABLE
from tests.fuzz import interpreter
from tests.fuzz.outside import WORLD, Files

WORLD.outside = Files(Path(os.environ[VARIABLE]))
app = interpreter.app
