select pgdurable.cancel($1) as answer
