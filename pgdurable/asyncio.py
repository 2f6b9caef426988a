"""Combinations of futures, as `restate.asyncio`. Nothing of the standard library's module is here."""

from pgdurable_sdk.futures import as_completed as as_completed
from pgdurable_sdk.futures import gather as gather
from pgdurable_sdk.futures import select as select
from pgdurable_sdk.futures import wait_completed as wait_completed
