"""Logging that knows of invocations, as `restate.logging`."""

from pgdurable_sdk.logging import *
from pgdurable_sdk.logging import __getattr__ as __getattr__
