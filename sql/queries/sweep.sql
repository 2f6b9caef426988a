select cursor, expired from pgdurable_engine.sweep($1::uuid, $2::int)
