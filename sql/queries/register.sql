select pgdurable_engine.register($1::text, $2::text, $3::jsonb, $4::jsonb)
