"""Errors, as `restate.exceptions` has them."""

from pgdurable_sdk.exceptions import *
