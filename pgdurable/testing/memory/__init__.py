"""pgdurable without a database: for unit tests of handlers, and as the plain statement of what the engine
does.

`model` is the state machine of invocations, without I/O or a clock: what sql/ does, in a few hundred lines of
Python. `engine` runs handlers on it in the test's event loop; `backend` is what a client reaches it by.
"""
