select pgdurable.purge($1) as answer
