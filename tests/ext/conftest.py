"""Extensions are tested with the libraries themselves and made-up models, on the engine and in memory."""

from __future__ import annotations

from tests.engine.conftest import engine
from tests.testing.conftest import serve, serve_in_memory, serve_on_postgres

__all__ = ["engine", "serve", "serve_in_memory", "serve_on_postgres"]
