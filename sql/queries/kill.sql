select pgdurable.kill($1) as answer
