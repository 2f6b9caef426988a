select pgdurable.resume($1) as answer
