"""Jobs that send themselves into the future. README.md explains it."""
