"""A signup that waits for a click: README.md explains it."""
