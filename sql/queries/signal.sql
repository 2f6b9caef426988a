select answers, delivered, hints from pgdurable_engine.signal($1::pgdurable_engine.signal[])
