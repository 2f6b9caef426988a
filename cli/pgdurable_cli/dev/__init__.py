"""`pgdurable dev`: two processes, so that the application can be replaced while its database stays.

The parent (`supervisor`) owns PostgreSQL, watches files and signals, and talks to people. The child (`child`)
imports the application and is worker, ingress and admin API on one event loop. They share a socket
(`channel`): when the parent is killed it closes, and the child ends at once, as it would in a crash.

On a change a new child is started beside the old one. Only when it has imported the application does it take
over: a file that is broken for a moment interrupts nothing.
"""
