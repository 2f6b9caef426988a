"""The command `pgdurable`: run applications, and look into what they do.

Commands are in `main`, which the processes that run an application do not import.
"""
