select s.name, s.value from pgdurable_engine.state s where s.service = $1 and s.key = $2 order by s.name
