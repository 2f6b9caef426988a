"""`python -m pgdurable_cli` is `pgdurable`."""

from pgdurable_cli import main

main(prog_name="pgdurable")
