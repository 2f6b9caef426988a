"""A private service, and a service with a private handler."""

from __future__ import annotations

import pgdurable
from tests.engine.test_options import mixed, private

app = pgdurable.app([private, mixed])
