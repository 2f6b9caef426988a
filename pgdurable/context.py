"""Contexts, futures and options, as `restate.context` has them."""

from pgdurable_sdk.context import *
