"""The admin API: what an operator asks about the engine over HTTP, on a port of its own."""

from pgdurable_admin.admin import Admin
from pgdurable_admin.app import create_app

__all__ = ["Admin", "create_app"]
