-- The user's own statement: views are found by their bare names, and nothing runs for ever.
select set_config('search_path', 'pgdurable, public', true), set_config('statement_timeout', $1, true)
