"""`pgdurable dev`: a parent with a child, so that the application can be replaced while its database stays.

The parent (`supervisor`) owns PostgreSQL, watches files and signals, and talks to people. The child imports
the application and is worker, ingress and admin API on one event loop. Where several are asked for (`crew`),
they come and go together, and the first has the admin API.

On a change a new child is started beside the old one. Only when it has imported the application does it take
over: a file that is broken for a moment interrupts nothing.
"""
