"""A hundred calls at once, and what became of them. README.md explains it."""
