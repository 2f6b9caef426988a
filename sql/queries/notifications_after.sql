select id, seq, type, index, name, outcome, value, appended_at
from pgdurable_engine.notifications_after($1::uuid[], $2::int[])
