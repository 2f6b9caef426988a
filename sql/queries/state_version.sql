select pgdurable_engine.state_version($1, $2) as version
