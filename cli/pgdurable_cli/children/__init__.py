"""A parent and its children: how a command that people start runs an application in other processes.

The parent imports no user code: it talks to people, heeds signals, and starts, replaces and ends its
children. Each child (`child`) imports the application and serves it on an event loop of its own. Parent and
child share a socket (`channel`): when the parent is killed it closes, and the child ends at once, as it would
in a crash.
"""
