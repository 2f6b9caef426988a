select pgdurable.resume($1, deployment => $2) as answer
