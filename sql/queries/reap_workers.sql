select reaped, hints, suspected from pgdurable_engine.reap_workers(p_patience => $1, p_crashes => $2)
