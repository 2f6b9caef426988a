select reaped, hints from pgdurable_engine.reap_workers()
