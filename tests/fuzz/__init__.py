"""Random handler programs, run by the engine while it is tormented, and judged by a model.

language      what programs are made of: plain data
author        makes programs up, from random choices
interpreter   the services that perform programs, on the engine
outside       the world beside the engine: what steps really did, what handlers saw, who resolves awakeables
prediction    what a future may come to, and whether what is reported is that
follower      follows one invocation through its program, beside what it reported
model         follows all of a run, and compares what there should be with what there is
facts         what there is to know of a run when it is over
attempts      an invocation in memory, and the port of its attempts
memory        an engine in memory that schedules, suspends and crashes as it likes
trial         programs on PostgreSQL, run by this process or by many, and what is done to them from outside
"""
