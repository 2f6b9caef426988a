select fired, extract(epoch from next_in)::float8 as next_in, delivered, hints
from pgdurable_engine.fire_timers($1::int)
