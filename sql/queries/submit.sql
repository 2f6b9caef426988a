select admissions, started, hints
from pgdurable_engine.submit(
    $1::pgdurable_engine.submission[], $2::uuid, $3::text[], $4::int, $5::bigint, $6::pgdurable_engine.preload[]
)
