select s.value from pgdurable_engine.state s where s.service = $1 and s.key = $2 and s.name = $3
