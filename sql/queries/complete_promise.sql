select pgdurable_engine.complete_promise_and_announce($1, $2, $3, $4::pgdurable_engine.outcome, $5::bytea) as answer
