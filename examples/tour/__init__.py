"""The theatre: carts, tickets and a checkout. `pgdurable dev examples/tour/app.py` serves it, docs/tour.md
explains it, and part1 to part4 are the steps in which it came about.
"""
