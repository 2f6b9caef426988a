select pgdurable_engine.register($1::text, $2::boolean, $3::text, $4::jsonb, $5::jsonb)
