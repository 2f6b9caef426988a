select pgdurable.reject_awakeable($1, $2, $3::int) as answer
