"""`app`, where `restate.endpoint` has it."""

from pgdurable.loader import app as app
