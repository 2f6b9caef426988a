"""A loop of steps that is undone when one is refused. README.md explains it."""
