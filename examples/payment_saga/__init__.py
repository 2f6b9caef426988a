"""A saga: what was done is undone when it cannot be finished. README.md explains it."""
