"""Random handler programs, run by the engine while it is tormented, and judged by a model.

language      what programs are made of: plain data
author        makes programs up, from random choices
interpreter   the services that perform programs, on the engine
outside       the world beside the engine: what steps really did, what handlers saw, who resolves awakeables
prediction    what a future may come to, and whether what is reported is that
model         follows every invocation of a run beside what it reported
memory        an engine in memory that schedules, suspends and crashes as it likes
database      an engine on PostgreSQL, in this process or in many
"""
