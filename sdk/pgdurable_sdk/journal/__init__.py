"""The replay machine: a journal goes in, commands come out.

Nothing in this package awaits, reads a clock, draws a random number or opens a socket; an import-linter
contract says so. Whatever is undetermined (ids, times, results of user code) comes in as data, so a test
needs neither loop nor database.
"""
