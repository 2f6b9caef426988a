select reaped, hints, suspected from pgdurable_engine.reap_workers(p_crashes => $1)
