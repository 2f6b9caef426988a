select pgdurable.pause($1) as answer
