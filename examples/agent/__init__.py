"""An agent whose every thought is journaled. README.md explains it."""
