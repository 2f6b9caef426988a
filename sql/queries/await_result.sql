select status::text as status, handler_type::text as handler_type, idempotent, outcome::text as outcome, value
from pgdurable_engine.await_result($1::uuid, $2::uuid)
