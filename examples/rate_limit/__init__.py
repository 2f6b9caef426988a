"""Work that waits for its turn at a limiter. README.md explains it."""
