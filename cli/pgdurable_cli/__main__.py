"""`python -m pgdurable_cli` is `pgdurable`."""

from pgdurable_cli.main import main

main(prog_name="pgdurable")
