"""Everything at once, and then the accounts: programs, faults, and what must be true afterwards.

A round starts a PostgreSQL of its own with workers and ingresses that reach it through a proxy, lets
made-up programs run on it while something breaks at least every two seconds, then stops breaking things,
waits until all is done, and checks the invariants I1 to I19 over the database, over a history that triggers
kept, and over the ledger of what handlers really did. Whatever is drawn is drawn from the seed of the round,
which is printed.

    cluster     PostgreSQL, the processes and their supervisor
    app         what the processes serve: the programs of tests/fuzz, and handlers that make trouble
    load        clients: over HTTP, with idempotency keys, until they are answered
    scenes      clients that aim at single moments
    faults      what may break, and the plan of a round
    standby     a replica that becomes the server
    registers   whether what clients saw of a register is linearizable
    checkers    the invariants, each a query in invariants/ or a comparison with what clients and
                handlers said
    rounds      one round, from the first process to the verdict
    takeover    how long others take to go on, measured
    failpoints  where a process may be made to crash
    crashes     a crash at each of them
    mutants     engines broken on purpose, each of which a round must find out
"""
