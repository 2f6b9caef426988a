"""The engine: runs handlers, commits what they do, and wakes whoever waits.

A process has one ``Intake`` (new invocations), one ``Results`` (who waits for them) and, if it serves
handlers, one ``Worker``. They meet the database only through the verbs of ``pgdurable.store``, each a
batch, and each other only through what the verbs return.
"""
