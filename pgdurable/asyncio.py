"""Combinations of futures, as `restate.asyncio`, and those of TypeScript by their names there.

Nothing of the standard library's module is here.
"""

from pgdurable_sdk.futures import all_settled, as_completed, gather, race, select, wait_completed
from pgdurable_sdk.futures import all_succeeded as all
from pgdurable_sdk.futures import any_succeeded as any

__all__ = ["all", "all_settled", "any", "as_completed", "gather", "race", "select", "wait_completed"]
