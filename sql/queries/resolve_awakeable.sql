select pgdurable.resolve_awakeable($1, bytes => $2::bytea) as answer
