"""Closed-loop HTTP load on pgdurable and its peers, side by side: ``python -m benchmarks --help``.

What is compared is a ratio. A number of requests per second says more about the machine, and about what
else it was doing, than about the program; so every peer is measured in the same run, one after the other
under the same load, and the order turns round after every round so that drift cancels out.

- ``peers/``: one module per system: how to install, start and stop it. To add one, write the module and
  name its class in ``peers/__init__.py``.
- ``workloads/``: one module per kind of request. Added the same way; its handler goes into ``apps/``.
- ``load.py`` and ``load.lua`` drive wrk; ``run.py`` decides who is measured when; ``report.py`` sums up.
"""
