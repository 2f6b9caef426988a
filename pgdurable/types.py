"""Restate's name for a module: what its test harness gives, for the types of fixtures."""

from pgdurable.harness import HarnessEnvironment

__all__ = ["HarnessEnvironment"]
