select pgdurable_engine.change_state($1, $2, $3::text[], $4::bytea[], $5::boolean, $6::text) as answer
