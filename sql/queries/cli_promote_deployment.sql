select pgdurable.promote_deployment($1) as answer
