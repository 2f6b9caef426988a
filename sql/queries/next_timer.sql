select min(t.fire_at) from pgdurable_engine.timer t where t.fire_at <= $1::timestamptz
