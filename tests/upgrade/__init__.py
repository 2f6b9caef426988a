"""Upgrades with real code: the release before runs under load while this one takes its place."""
