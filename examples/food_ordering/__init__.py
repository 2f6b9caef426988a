"""Orders, a kitchen, drivers. README.md explains it."""
