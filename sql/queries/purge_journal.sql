select pgdurable.purge_journal($1) as answer
